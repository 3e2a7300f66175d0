// One file after the other: each starts its own platform and browsers, and the machine may have two cores.
// No retries: a test that fails now and then is broken, or shows something that is.
import {defineConfig} from 'vitest/config';

export default defineConfig({
    test: {
        include: ['*.test.ts'],
        // Said by `cargo xtask test`, which then calls itself incomplete.
        exclude: [
            ...process.env.PARLEY_WITHOUT_GO ? ['pion.test.ts', 'sequence_wrap.test.ts', 'slot_switches.test.ts', 'mattermost*.test.ts'] : [],
            ...process.env.PARLEY_WITHOUT_FFMPEG ? ['*recording*.test.ts'] : [],
        ],
        fileParallelism: false,
        retry: 0,
        testTimeout: 150_000,
        hookTimeout: 120_000,
        teardownTimeout: 20_000,
        globalSetup: ['./support/screens_setup.ts'],
        reporters: ['verbose'],
    },
});
