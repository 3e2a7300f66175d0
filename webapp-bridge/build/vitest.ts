// Tests of the bridge, of the page and of the built bundle: logic in Node, what needs a document asks for it by
// `// @vitest-environment happy-dom` at the top of its file.
import {fileURLToPath} from 'node:url';

import {defineConfig} from 'vitest/config';

export default defineConfig({
    root: fileURLToPath(new URL('..', import.meta.url)),
    oxc: {jsx: {runtime: 'classic'}},
    test: {
        include: ['src/**/*.test.{ts,tsx}', 'page/**/*.test.{ts,tsx}', 'build/**/*.test.ts'],
        environment: 'node',
        passWithNoTests: false,
    },
});
