// On a Mattermost server the plugin, or the server, dies at random moments: every recording is posted once, and whole.
import {useRig} from './support/chaos_rig';
import {MattermostRig} from './support/mattermost_rig';

useRig('plugin', () => MattermostRig.open('plugin'));
useRig('platform', () => MattermostRig.open('platform'));
