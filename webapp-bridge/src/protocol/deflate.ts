// zlib (RFC 1950) with the browser's own streams; inflating stops at a limit.

/** As the server's limit for an inflated SDP, bytes. */
export const INFLATED_BYTES_MAX = 256 * 1024;

const through = (bytes: Uint8Array, transform: CompressionStream | DecompressionStream): ReadableStream<Uint8Array> => {
    const source = new ReadableStream<Uint8Array<ArrayBuffer>>({
        start(controller) {
            controller.enqueue(new Uint8Array(bytes));
            controller.close();
        },
    });
    return source.pipeThrough<Uint8Array>(transform);
};

const collect = async (stream: ReadableStream<Uint8Array>, bytesMax: number): Promise<Uint8Array> => {
    const reader = stream.getReader();
    const chunks: Uint8Array[] = [];
    let total = 0;
    for (;;) {
        const {done, value} = await reader.read();
        if (done) {
            break;
        }
        total += value.byteLength;
        if (total > bytesMax) {
            await reader.cancel();
            throw new Error(`inflates to more than ${bytesMax} bytes`);
        }
        chunks.push(value);
    }
    const out = new Uint8Array(total);
    let at = 0;
    for (const chunk of chunks) {
        out.set(chunk, at);
        at += chunk.byteLength;
    }
    return out;
};

export const deflate = (text: string): Promise<Uint8Array> =>
    collect(through(new TextEncoder().encode(text), new CompressionStream('deflate')), INFLATED_BYTES_MAX);

export const inflate = async (bytes: Uint8Array): Promise<string> =>
    new TextDecoder().decode(await collect(through(bytes, new DecompressionStream('deflate')), INFLATED_BYTES_MAX));
