// Once around the tests: old pictures go when all are taken anew, and the index is written.
import {clearScreens, writeIndex} from './screens';

export function setup(): void {
    clearScreens(process.env.PARLEY_SCREENS === 'fresh' ? '' : 'failed_');
}

export function teardown(): void {
    writeIndex();
}
