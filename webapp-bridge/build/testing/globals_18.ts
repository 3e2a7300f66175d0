// The web app's globals of servers from 11.1, and a root to render into, as that web app makes it.
import * as React from 'react';
import * as ReactDOM from 'react-dom';
import {createRoot} from 'react-dom/client';
import * as ReactIntl from 'react-intl';
import * as ReactRedux from 'react-redux';
import * as Redux from 'redux';

const render = (node: React.ReactNode, place: Element): void => createRoot(place).render(node);

Object.assign(window, {React, ReactDOM, Redux, ReactRedux, ReactIntl, testRender: render});
