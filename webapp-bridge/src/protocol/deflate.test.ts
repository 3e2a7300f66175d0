import {zlibSync} from 'fflate';
import {describe, expect, it} from 'vitest';

import {INFLATED_BYTES_MAX, deflate, inflate} from './deflate';

describe('zlib', () => {
    it('comes back as it went', async () => {
        expect(await inflate(await deflate('v=0 äöü'))).toBe('v=0 äöü');
    });

    it('is RFC 1950: what the server inflates', async () => {
        expect((await deflate('v=0'))[0]).toBe(0x78);
    });

    it('stops a bomb', async () => {
        const bomb = zlibSync(new Uint8Array(64 * INFLATED_BYTES_MAX));
        await expect(inflate(bomb)).rejects.toThrow('more than');
    });

    it('refuses garbage', async () => {
        await expect(inflate(new Uint8Array([1, 2, 3]))).rejects.toThrow();
    });
});
