// Correctness rules only: layout is not argued about here.
import js from '@eslint/js';
import hooks from 'eslint-plugin-react-hooks';
import ts from 'typescript-eslint';

export default ts.config(
    {ignores: ['dist/', 'node_modules/', 'eslint.config.js']},
    js.configs.recommended,
    ...ts.configs.strictTypeChecked,
    {
        languageOptions: {parserOptions: {project: './tsconfig.json'}},
        plugins: {'react-hooks': hooks},
        rules: {
            'react-hooks/rules-of-hooks': 'error',
            'react-hooks/exhaustive-deps': 'error',
            eqeqeq: ['error', 'always', {null: 'ignore'}],
            'no-console': ['error', {allow: ['debug', 'info', 'warn', 'error']}],
            'max-lines': ['error', {max: 400, skipComments: true}],
            '@typescript-eslint/restrict-template-expressions': ['error', {allowNumber: true}],
            '@typescript-eslint/no-confusing-void-expression': ['error', {ignoreArrowShorthand: true}],
        },
    },
    {
        files: ['**/*.test.{ts,tsx}'],
        rules: {
            '@typescript-eslint/no-non-null-assertion': 'off',
            '@typescript-eslint/no-unsafe-assignment': 'off',
            'max-lines': 'off',
        },
    },
);
