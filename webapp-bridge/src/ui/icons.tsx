// Line icons, drawn here so that the same bundle looks the same in every web app. Decorative: the
// control or text beside them carries the name.

import * as React from 'react';

const PHONE = 'M6.6 3.5 9 3l2 4.5-2.2 1.8a12.5 12.5 0 0 0 5.9 5.9l1.8-2.2 4.5 2-.5 2.4c-.3 1.9-1.9 3.2-3.8 3C10 19.6 4.4 14 3.6 7.3c-.2-1.9 1.1-3.5 3-3.8Z';

const PATHS = {
    phone: [PHONE],
    leave: ['M3 15.5c-.7-.9-1-2-.8-3.1C3 8.9 7.1 7 12 7s9 1.9 9.8 5.4c.2 1.1-.1 2.2-.8 3.1l-.6.8-4.4-1.3v-2.8a13 13 0 0 0-8 0V15l-4.4 1.3-.6-.8Z'],
    end: ['M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18Z', 'm9 9 6 6m0-6-6 6'],
    mic: ['M12 3a3 3 0 0 0-3 3v5a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3Z', 'M5.5 11a6.5 6.5 0 0 0 13 0M12 17.5V21'],
    micOff: ['M15 10.5V6a3 3 0 0 0-5.9-.8M9 9.5V11a3 3 0 0 0 4.6 2.5', 'M5.5 11a6.5 6.5 0 0 0 10.6 5.1M18.5 11a6.4 6.4 0 0 1-.6 2.7M12 17.5V21', 'M4 4l16 16'],
    camera: ['M4.5 6.5h9a1.5 1.5 0 0 1 1.5 1.5v8a1.5 1.5 0 0 1-1.5 1.5h-9A1.5 1.5 0 0 1 3 16V8a1.5 1.5 0 0 1 1.5-1.5Z', 'm15 10.5 6-3v9l-6-3'],
    cameraOff: ['M9 6.5h4.5A1.5 1.5 0 0 1 15 8v2.5l6-3v9l-3.2-1.6M15 15v1a1.5 1.5 0 0 1-1.5 1.5h-9A1.5 1.5 0 0 1 3 16V8a1.5 1.5 0 0 1 1.5-1.5', 'M4 4l16 16'],
    screen: ['M4.5 4.5h15A1.5 1.5 0 0 1 21 6v9a1.5 1.5 0 0 1-1.5 1.5h-15A1.5 1.5 0 0 1 3 15V6a1.5 1.5 0 0 1 1.5-1.5Z', 'M8.5 20h7M12 13.5v-6m-2.8 2.6L12 7.3l2.8 2.8'],
    screenOff: ['M4.5 4.5h15A1.5 1.5 0 0 1 21 6v9a1.5 1.5 0 0 1-1.5 1.5h-15A1.5 1.5 0 0 1 3 15V6a1.5 1.5 0 0 1 1.5-1.5Z', 'M8.5 20h7M9.7 8.2l4.6 4.6m0-4.6-4.6 4.6'],
    away: ['M4.5 12a7.5 7.5 0 0 1 13-5.1M19.5 12a7.5 7.5 0 0 1-13 5.1', 'M18 3.2v3.9h-3.9M6 20.8v-3.9h3.9'],
    devices: ['M4 7h8.5M17.5 7H20M4 17h2.5M11.5 17H20', 'M15 4.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5Z', 'M9 14.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5Z'],
    record: ['M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18Z', 'M12 8.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7Z'],
    recordStop: ['M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18Z', 'M9.5 9h5a.5.5 0 0 1 .5.5v5a.5.5 0 0 1-.5.5h-5a.5.5 0 0 1-.5-.5v-5a.5.5 0 0 1 .5-.5Z'],
    check: ['m5 12.5 4.5 4.5L19 7.5'],
    host: ['m4 8 3.5 3.5L12 5l4.5 6.5L20 8l-1.5 10h-13Z'],
    link: ['M10 14a4 4 0 0 0 6 .4l3-3a4 4 0 0 0-5.7-5.7L11.7 7.3', 'M14 10a4 4 0 0 0-6-.4l-3 3a4 4 0 0 0 5.7 5.7l1.6-1.6'],
    enlarge: ['M14 4h6v6M10 20H4v-6M20 4l-6.5 6.5M4 20l6.5-6.5'],
    reduce: ['M20 10h-6V4M4 14h6v6M14 10l6.5-6.5M10 14l-6.5 6.5'],
    popout: ['M13 4h7v7M20 4l-8.5 8.5', 'M10 5H5.5A1.5 1.5 0 0 0 4 6.5v12A1.5 1.5 0 0 0 5.5 20h12a1.5 1.5 0 0 0 1.5-1.5V14'],
    popin: ['M11 13H4M11 13v7M11 13 3.5 20.5', 'M9 5.5A1.5 1.5 0 0 1 10.5 4h8A1.5 1.5 0 0 1 20 5.5v8a1.5 1.5 0 0 1-1.5 1.5H16'],
    minimise: ['M5 18h14'],
    restore: ['m6 14 6-6 6 6'],
    close: ['m6 6 12 12M18 6 6 18'],
} as const;

export type IconName = keyof typeof PATHS;

export const Icon = ({name, size = 20}: {name: IconName; size?: number}) => (
    <svg
        className='parley-icon'
        width={size}
        height={size}
        viewBox='0 0 24 24'
        fill='none'
        stroke='currentColor'
        strokeWidth={1.75}
        strokeLinecap='round'
        strokeLinejoin='round'
        aria-hidden='true'
        focusable='false'
    >
        {PATHS[name].map((path) => <path key={path} d={path}/>)}
    </svg>
);
