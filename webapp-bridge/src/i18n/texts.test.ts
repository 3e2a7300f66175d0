import {describe, expect, it} from 'vitest';

import {PLUGIN_ID} from '../base/ids';
import de from './de.json';
import en from './en.json';
import {descriptor, isTextId, translations} from './texts';

const placeholders = (text: string): string[] => [...text.matchAll(/\{(\w+)[},]/g)].map((match) => match[1]!).sort();

describe('texts', () => {
    it('exist in every language, with the same values', () => {
        expect(Object.keys(de)).toEqual(Object.keys(en));
        for (const [id, text] of Object.entries(en)) {
            const names = new Set(placeholders(text));
            expect(new Set(placeholders((de as Record<string, string>)[id]!)), id).toEqual(names);
        }
    });

    it('have ids that no other plugin uses', () => {
        expect(Object.keys(en).every((id) => id.startsWith(`${PLUGIN_ID}.`))).toBe(true);
    });

    it('fall back to English', () => {
        expect(translations('de')).toBe(de);
        expect(translations('de-AT')).toBe(de);
        expect(translations('pt-BR')).toBe(en);
    });

    it('are found by their short id', () => {
        expect(descriptor('controls.mute')).toEqual({id: 'app.parley.calls.controls.mute', defaultMessage: 'Mute'});
        expect(isTextId('notice.full')).toBe(true);
        expect(isTextId('notice.nonsense')).toBe(false);
    });

    it('keep the names by which people and tests find the controls', () => {
        expect(Object.values(en)).toEqual(expect.arrayContaining([
            'Start call', 'Join call', 'Leave call', 'End call', 'Mute', 'Unmute', 'Turn camera on',
            'Turn camera off', 'Share screen', 'Stop sharing', 'Copy call link',
        ]));
    });
});
