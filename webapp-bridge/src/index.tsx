// Entry of the plugin bundle: registers the plugin with the web app.

import {Plugin} from './app/plugin';
import {PLUGIN_ID} from './base/ids';

window.registerPlugin(PLUGIN_ID, new Plugin());
