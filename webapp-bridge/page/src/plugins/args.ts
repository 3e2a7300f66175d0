// Registry functions take positional arguments or one plain object whose every key is a parameter's name.

type Values = Readonly<Record<string, unknown>>;

function isNamed(value: unknown, names: readonly string[]): value is Values {
    if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) {
        return false;
    }
    const keys = Object.keys(value);
    return keys.length > 0 && keys.every((key) => names.includes(key));
}

export function namedArguments(names: readonly string[], args: readonly unknown[]): Values {
    const [only] = args;
    if (args.length === 1 && isNamed(only, names)) {
        return only;
    }
    return Object.fromEntries(names.map((name, index) => [name, args[index]]));
}
