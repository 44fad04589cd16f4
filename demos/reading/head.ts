import { escaped } from "../course/build/highlight.ts";

const icon =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Crect width='16' height='16' rx='3' fill='%232546c7'/%3E%3Cpath d='M3 3h4v4H3zM9 9h4v4H9z' fill='white'/%3E%3C/svg%3E";

/** What the head of every page made from Markdown begins with. @param description one sentence. */
export const headOf = (title: string, description: string): string => `<meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="light dark" />
    <title>${escaped(title)} · tilegrad</title>
    <meta name="description" content="${escaped(description)}" />
    <link rel="icon" href="${icon}" />`;
