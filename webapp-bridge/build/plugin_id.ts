// The id that the bundle registers under: the manifest's, unless the packager makes another flavour.
import {readFileSync} from 'node:fs';
import {fileURLToPath} from 'node:url';

export const pluginId = (): string => {
    const manifest = readFileSync(fileURLToPath(new URL('../../manifest.json', import.meta.url)), 'utf8');
    return process.env.PARLEY_PLUGIN_ID ?? (JSON.parse(manifest) as {id: string}).id;
};
