// A file system of few megabytes for a platform's recordings: it exists in the platform's processes only.
import {spawnSync} from 'node:child_process';
import {join} from 'node:path';

import type {Platform} from './platform';

export const recordingsDir = (dataDir: string): string => join(dataDir, 'recordings');

/** For `PlatformOptions.within`: recordings lie in memory, as many bytes as are said. */
export const onSmallDisk = (bytes: number) => (dataDir: string): string[] => [
    'unshare', '--mount', '--map-root-user', 'sh', '-c',
    'mkdir -p "$0" && mount -t tmpfs -o size="$1" tmpfs "$0" && shift && exec "$@"',
    recordingsDir(dataDir), String(bytes),
];

/** Runs a line of shell where the platform sees its files; what it says. */
function inside(platform: Platform, line: string, ...args: string[]): string {
    const done = spawnSync('nsenter', [
        '--target', String(platform.hostPid), '--user', '--mount', '--preserve-credentials',
        'sh', '-c', line, recordingsDir(platform.dataDir), ...args,
    ], {encoding: 'utf8'});
    if (done.status !== 0) {
        throw new Error(`${line}: ${done.error?.message ?? done.stderr}`);
    }
    return done.stdout;
}

/** Bytes that are free. */
export const free = (platform: Platform): number =>
    Number(inside(platform, 'df --output=avail -B1 "$0" | tail -n 1').trim());

/** Leaves no more than these bytes free: somebody else's file takes the rest. */
export function fill(platform: Platform, leaving: number): void {
    for (let tries = 5; ; tries -= 1) {
        try {
            inside(platform, 'fallocate -l "$1" "$0/ballast"', String(free(platform) - leaving));
            return;
        } catch (error) {
            // A recording may have taken of it since it was looked at.
            if (tries === 0) {
                throw error;
            }
        }
    }
}

export function resize(platform: Platform, bytes: number): void {
    inside(platform, 'mount -o remount,size="$1" "$0"', String(bytes));
}
