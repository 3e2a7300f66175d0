// Copies text; on insecure pages, where the clipboard is hidden, by the old command.

export const copyText = async (text: string): Promise<boolean> => {
    const clipboard = navigator.clipboard as Clipboard | undefined;
    if (clipboard) {
        try {
            await clipboard.writeText(text);
            return true;
        } catch {
            // Refused, e.g. without focus: try the old way.
        }
    }
    const area = document.createElement('textarea');
    area.value = text;
    area.style.position = 'fixed';
    area.style.opacity = '0';
    document.body.append(area);
    area.select();
    try {
        // The only way where navigator.clipboard is missing.
        // eslint-disable-next-line @typescript-eslint/no-deprecated
        return document.execCommand('copy');
    } catch {
        return false;
    } finally {
        area.remove();
    }
};
