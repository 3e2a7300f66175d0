// Small makers for tests.
import type {Channel, ChannelMember, Post, User} from './api/shapes';
import {parseChannel, parseChannelMember, parsePost, parseUser} from './api/shapes';

export const someId = (name: string): string => name.padEnd(26, '0');

export const makeUser = (name: string, more: Partial<User> = {}): User =>
    ({...parseUser({id: someId(name), username: name}), ...more});

export const makeChannel = (name: string, more: Partial<Channel> = {}): Channel =>
    ({...parseChannel({id: someId(name), name, type: 'O', team_id: someId('team')}), ...more});

export const makeMember = (channelId: string, userId: string, more: Partial<ChannelMember> = {}): ChannelMember =>
    ({...parseChannelMember({channel_id: channelId, user_id: userId, roles: 'channel_user'}), ...more});

export const makePost = (name: string, more: Partial<Post> = {}): Post =>
    ({...parsePost({id: someId(name), channel_id: someId('square'), user_id: someId('alice'), message: name}), ...more});
