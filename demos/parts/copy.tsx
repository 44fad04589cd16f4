import { useSignal } from "@preact/signals";

/** Milliseconds for which the button says that it has copied. */
const said = 2000;

/** Copies a text to the clipboard, and says so. */
export function CopyButton({ text }: { readonly text: string }) {
  const name = useSignal("Copy");
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
      name.value = "Copied";
    } catch {
      name.value = "Copying is not allowed here";
    }
    setTimeout(() => {
      name.value = "Copy";
    }, said);
  };
  return (
    <button type="button" class="button small" aria-live="polite" onClick={() => void copy()}>
      {name}
    </button>
  );
}
