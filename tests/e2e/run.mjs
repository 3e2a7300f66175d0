// `npm test`: installs what the lock file names unless that was done, then runs the browser tests.
// Arguments go to vitest: a file's name runs that file only.
import {spawnSync} from 'node:child_process';
import {existsSync, readFileSync, writeFileSync} from 'node:fs';
import {fileURLToPath} from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const stamp = `${here}node_modules/.parley-installed`;
const lock = readFileSync(`${here}package-lock.json`, 'utf8');

function run(command, args, environment = {}) {
    const {status} = spawnSync(command, args, {cwd: here, stdio: 'inherit', env: {...process.env, ...environment}});
    if (status !== 0) {
        process.exit(status ?? 1);
    }
}

if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== lock) {
    run('npm', ['ci', '--silent', '--no-audit', '--no-fund']);
    writeFileSync(stamp, lock);
}
const chosen = process.argv.slice(2);
// A part of the tests leaves the other pictures alone.
run('npx', ['--no-install', 'vitest', 'run', ...chosen], {PARLEY_SCREENS: chosen.length === 0 ? 'fresh' : 'keep'});
