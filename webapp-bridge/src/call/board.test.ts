import {describe, expect, it, vi} from 'vitest';

import {Board} from './board';

const track = (kind: string) => ({kind}) as MediaStreamTrack;
const slot = (mid: string, kind: 'video' | 'screen' | 'voice', session: string) => ({mid, kind, session, publication: '', csrc: 1});

describe('the board', () => {
    it('joins slots and tracks in either order', () => {
        const board = new Board();
        const video = track('video');
        board.handleSlots([slot('1', 'video', 'a')]);
        expect(board.pictures).toEqual([]);
        board.handleTrack('1', video);
        expect(board.pictures).toEqual([{session: 'a', kind: 'video', track: video, own: false}]);
        board.handleSlots([slot('1', 'video', 'b')]);
        expect(board.pictures[0]?.session).toBe('b');
        board.handleSlots([]);
        expect(board.pictures).toEqual([]);
    });

    it('shows no sound', () => {
        const board = new Board();
        board.handleTrack('0', track('audio'));
        board.handleSlots([slot('0', 'voice', 'a')]);
        expect(board.pictures).toEqual([]);
    });

    it('keeps our own pictures over a new connection', () => {
        const board = new Board();
        const changed = vi.fn();
        board.changes.on(changed);
        board.setOwn('me', 'video', track('video'));
        board.handleTrack('1', track('video'));
        board.reset();
        expect(board.pictures.map((picture) => picture.own)).toEqual([true]);
        board.setOwn('me', 'video', null);
        expect(board.pictures).toEqual([]);
        expect(changed).toHaveBeenCalledTimes(4);
    });
});
