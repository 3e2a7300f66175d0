// Parts of the local platform die at random moments: every recording is posted once, and whole.
import {useRig} from './support/chaos_rig';
import {LocalRig} from './support/local_rig';

useRig('sidecar', () => LocalRig.open('sidecar'));
useRig('host', () => LocalRig.open('host'));
