// Line icons, drawn here so that the same bundle looks the same in every web app. Decorative: the
// control or text beside them carries the name.

import * as React from 'react';

const PHONE = 'M6.6 3.5 9 3l2 4.5-2.2 1.8a12.5 12.5 0 0 0 5.9 5.9l1.8-2.2 4.5 2-.5 2.4c-.3 1.9-1.9 3.2-3.8 3C10 19.600 4.400 14 3.600 7.300c-.2-1.900 1.100-3.500 3-3.800Z';

const PATHS = {
    phone: [PHONE],
    leave: ['M3 15.500c-.7-.9-1-2-.8-3.100C3 8.900 7.100 7 12 7s9 1.900 9.800 5.400c.2 1.100-.1 2.200-.8 3.100l-.6.8-4.400-1.300v-2.800a13 13 0 0 0-8 0V15l-4.400 1.300-.6-.8Z'],
    end: ['M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18Z', 'm9 9 6 6m0-6-6 6'],
    mic: ['M12 3a3 3 0 0 0-3 3v5a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3Z', 'M5.500 11a6.500 6.500 0 0 0 13 0M12 17.500V21'],
    micOff: ['M15 10.500V6a3 3 0 0 0-5.900-.8M9 9.500V11a3 3 0 0 0 4.600 2.500', 'M5.500 11a6.500 6.500 0 0 0 10.600 5.100M18.500 11a6.400 6.400 0 0 1-.6 2.700M12 17.500V21', 'M4 4l16 16'],
    camera: ['M4.500 6.500h9a1.500 1.500 0 0 1 1.500 1.500v8a1.500 1.500 0 0 1-1.500 1.500h-9A1.500 1.500 0 0 1 3 16V8a1.500 1.500 0 0 1 1.500-1.500Z', 'm15 10.500 6-3v9l-6-3'],
    cameraOff: ['M9 6.500h4.500A1.500 1.500 0 0 1 15 8v2.500l6-3v9l-3.200-1.600M15 15v1a1.500 1.500 0 0 1-1.500 1.500h-9A1.500 1.500 0 0 1 3 16V8a1.500 1.500 0 0 1 1.500-1.500', 'M4 4l16 16'],
    screen: ['M4.500 4.500h15A1.500 1.500 0 0 1 21 6v9a1.500 1.500 0 0 1-1.500 1.500h-15A1.500 1.500 0 0 1 3 15V6a1.500 1.500 0 0 1 1.500-1.500Z', 'M8.500 20h7M12 13.500v-6m-2.800 2.600L12 7.300l2.800 2.800'],
    screenOff: ['M4.500 4.500h15A1.500 1.500 0 0 1 21 6v9a1.500 1.500 0 0 1-1.500 1.500h-15A1.500 1.500 0 0 1 3 15V6a1.500 1.500 0 0 1 1.500-1.500Z', 'M8.500 20h7M9.700 8.200l4.600 4.600m0-4.600-4.600 4.600'],
    link: ['M10 14a4 4 0 0 0 6 .4l3-3a4 4 0 0 0-5.700-5.700L11.700 7.300', 'M14 10a4 4 0 0 0-6-.4l-3 3a4 4 0 0 0 5.700 5.700l1.600-1.600'],
    enlarge: ['M14 4h6v6M10 20H4v-6M20 4l-6.500 6.500M4 20l6.500-6.500'],
    reduce: ['M20 10h-6V4M4 14h6v6M14 10l6.500-6.500M10 14l-6.500 6.500'],
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
