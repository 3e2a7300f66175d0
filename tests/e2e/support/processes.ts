// Processes that work for one data directory, found by what the system says of them.
import {readFileSync, readdirSync, readlinkSync} from 'node:fs';

/** Those whose executable's name has `name` in it, and that were told or started from `folder`. */
export function processesOf(folder: string, name: string): number[] {
    return readdirSync('/proc').map(Number).filter((pid) => Number.isInteger(pid) && belongs(pid, folder, name));
}

function belongs(pid: number, folder: string, name: string): boolean {
    try {
        const program = readlinkSync(`/proc/${pid}/exe`);
        if (!program.slice(program.lastIndexOf('/')).includes(name)) {
            return false;
        }
        const said = readFileSync(`/proc/${pid}/cmdline`, 'utf8') + readFileSync(`/proc/${pid}/environ`, 'utf8') + program;
        return said.includes(folder);
    } catch {
        // Gone meanwhile, or another user's.
        return false;
    }
}
