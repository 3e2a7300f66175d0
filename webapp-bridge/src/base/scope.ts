// A scope owns what must be released: timers, listeners, streams. Closing it releases everything once.

export type Disposer = () => void;

export class Scope {
    private disposers = new Set<Disposer>();
    private ended = false;

    /** True once closed; late callbacks check this. */
    get closed(): boolean {
        return this.ended;
    }

    /** Keeps a disposer until the scope closes; the returned function releases it earlier. */
    add(disposer: Disposer): Disposer {
        if (this.ended) {
            disposer();
            return () => undefined;
        }
        this.disposers.add(disposer);
        return () => {
            if (this.disposers.delete(disposer)) {
                disposer();
            }
        };
    }

    /** Runs once, later. */
    timeout(action: () => void, delayMs: number): Disposer {
        const disposer: Disposer = () => clearTimeout(timer);
        const timer = setTimeout(() => {
            this.disposers.delete(disposer);
            action();
        }, delayMs);
        return this.add(disposer);
    }

    /** Runs again and again. */
    interval(action: () => void, periodMs: number): Disposer {
        const timer = setInterval(action, periodMs);
        return this.add(() => clearInterval(timer));
    }

    /** Listens to a DOM-like target. */
    listen(target: EventTarget, type: string, listener: (event: Event) => void): Disposer {
        target.addEventListener(type, listener);
        return this.add(() => target.removeEventListener(type, listener));
    }

    close(): void {
        if (this.ended) {
            return;
        }
        this.ended = true;
        const disposers = [...this.disposers].reverse();
        this.disposers.clear();
        for (const disposer of disposers) {
            try {
                disposer();
            } catch (error) {
                console.error('parley: releasing failed', error);
            }
        }
    }
}
