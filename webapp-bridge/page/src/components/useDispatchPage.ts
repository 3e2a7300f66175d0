import {useDispatch} from 'react-redux';

import type {PageAction} from '../store/actions';

/** Dispatch, typed for the page's actions. */
export const useDispatchPage = (): ((action: PageAction) => void) => useDispatch() as (action: PageAction) => void;
