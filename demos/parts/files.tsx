import { useState } from "preact/hooks";

export interface FileButtonProps {
  readonly id?: string;
  readonly name: string;
  /** Endings or types of the files to choose from. */
  readonly accept: string;
  readonly multiple?: boolean;
  readonly onFiles: (files: readonly File[]) => void;
}

/** A button that opens files of the visitor. The same file can be opened again. */
export function FileButton({ id, name, accept, multiple = false, onFiles }: FileButtonProps) {
  return (
    <label class="button file">
      {name}
      <input
        type="file"
        class="visually-hidden"
        {...{ id, accept, multiple }}
        onChange={({ currentTarget }) => {
          const files = [...(currentTarget.files ?? [])];
          currentTarget.value = "";
          if (files.length > 0) onFiles(files);
        }}
      />
    </label>
  );
}

/** Lets the visitor drop files on an element. @returns whether some are held over it, and its handlers. */
export function useDrop(onFiles: (files: readonly File[]) => void) {
  const [isOver, setOver] = useState(false);
  const handlers = {
    onDragOver(event: DragEvent) {
      event.preventDefault();
      setOver(true);
    },
    onDragLeave: () => setOver(false),
    onDrop(event: DragEvent) {
      event.preventDefault();
      setOver(false);
      onFiles([...(event.dataTransfer?.files ?? [])]);
    },
  };
  return { isOver, handlers };
}
