// Hooks for React 18 and newer. React itself is the application's.
import { createContext, createElement, useContext, useEffect, useMemo, useRef, useState, useSyncExternalStore,
  type ReactElement, type ReactNode } from 'react';
import type { Database, Params, Row } from './api.js';

const Context = createContext<Database | undefined>(undefined);

/** Makes a database known to the components within. */
export function DatabaseProvider({ database, children }: { database: Database; children?: ReactNode }): ReactElement {
  return createElement(Context.Provider, { value: database }, children);
}

/** The database of the next DatabaseProvider around. */
export function useDatabase(): Database {
  const database = useContext(Context);
  if (database === undefined) throw new Error('useDatabase: put a DatabaseProvider around this component');
  return database;
}

export interface LiveResult<T> {
  /** Undefined until the first result is there. */
  rows: T[] | undefined;
  error: Error | undefined;
}

const empty: LiveResult<never> = { rows: undefined, error: undefined };

function paramsKey(params: Params): string {
  return JSON.stringify(params, (_, value: unknown) =>
    typeof value === 'bigint' ? `${value}n` : value instanceof Uint8Array ? Array.from(value) : value);
}

/** The rows of a SELECT; the component is rendered again when they change. */
export function useLiveQuery<T = Row>(sql: string, params: Params = []): LiveResult<T> {
  const database = useDatabase();
  const key = paramsKey(params);
  const result = useRef<LiveResult<T>>(empty);
  // A new function where the query is another: React subscribes anew.
  const subscribe = useMemo(() => (onChange: () => void) => {
    result.current = empty;
    const query = database.live<T>(sql, params);
    query.ready.catch(() => {});
    const set = (rows: T[] | undefined, error: Error | undefined) => {
      result.current = { rows, error };
      onChange();
    };
    const stop = query.subscribe((rows) => set(rows, undefined), (error) => set(undefined, error));
    return () => {
      stop();
      query.close();
    };
    // The key stands for the parameters.
  }, [database, sql, key]);
  return useSyncExternalStore(subscribe, () => result.current, () => empty as LiveResult<T>);
}

/** Opens a database for as long as the component is mounted; undefined until it is open. */
export function useOpen(open: () => Promise<Database>): { database: Database | undefined; error: Error | undefined } {
  const [state, setState] = useState<{ database: Database | undefined; error: Error | undefined }>(
    { database: undefined, error: undefined });
  useEffect(() => {
    // Strict mode mounts twice: each opening is closed by its own unmounting.
    const opening = open();
    let gone = false;
    opening.then(
      (database) => gone || setState({ database, error: undefined }),
      (error: Error) => gone || setState({ database: undefined, error }),
    );
    return () => {
      gone = true;
      void opening.then((database) => database.close(), () => {});
    };
  }, []);
  return state;
}
