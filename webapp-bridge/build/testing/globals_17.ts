// The web app's globals of servers up to 11.0, and a root to render into, as that web app makes it.
import * as React from 'react';
import * as ReactDOM from 'react-dom';
import * as ReactIntl from 'react-intl';
import * as ReactRedux from 'react-redux';
import * as Redux from 'redux';

const render = (node: React.ReactNode, place: Element): void => {
    ReactDOM.render(node as React.ReactElement, place);
};

Object.assign(window, {React, ReactDOM, Redux, ReactRedux, ReactIntl, testRender: render});
