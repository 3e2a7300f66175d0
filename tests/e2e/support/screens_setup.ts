// Once around all tests: old pictures go, and the index is written.
import {clearScreens, writeIndex} from './screens';

export function setup(): void {
    clearScreens();
}

export function teardown(): void {
    writeIndex();
}
