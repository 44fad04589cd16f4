import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";

/** A part of the page that loads when it is first shown. @param load must stay the same. */
export function Loaded({ load }: { readonly load: () => Promise<{ readonly default: ComponentType }> }) {
  const [Component, setComponent] = useState<ComponentType>();
  const [failure, setFailure] = useState<string>();
  useEffect(() => {
    load().then(
      ({ default: loaded }) => setComponent(() => loaded),
      (error: Error) => setFailure(error.message),
    );
  }, [load]);
  if (failure !== undefined) return <p role="alert">This part of the page could not be loaded: {failure}</p>;
  return Component ? <Component /> : null;
}
