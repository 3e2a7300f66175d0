// Where things are.
import {existsSync} from 'node:fs';
import {join, resolve} from 'node:path';
import {fileURLToPath} from 'node:url';

export const root = resolve(fileURLToPath(new URL('../../..', import.meta.url)));
export const targetDir = process.env.CARGO_TARGET_DIR ? resolve(process.env.CARGO_TARGET_DIR) : join(root, 'target');
export const screensDir = join(root, 'target', 'screens');

/** A binary of the debug build; says what to do when it is not there. */
export function binary(name: string): string {
    const path = process.env.PARLEY_BIN_DIR ? join(process.env.PARLEY_BIN_DIR, name) : join(targetDir, 'debug', name);
    if (!existsSync(path)) {
        throw new Error(`${path} is missing: cargo build --package parley-host --package parley-sidecar`);
    }
    return path;
}

export const chromiumPath = process.env.CHROMIUM ?? '/usr/bin/chromium';

/** The built page and bundle. */
export const webDir = process.env.PARLEY_WEB_DIR ?? join(root, 'webapp-bridge', 'dist');
