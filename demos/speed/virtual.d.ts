declare module "virtual:peers" {
  /** Versions of the other libraries by name; undefined if the site was built without them. */
  export const versions: { readonly jaxjs: string; readonly tfjs: string } | undefined;
  /** Starts a worker for one library. */
  export const start: (() => Promise<Worker>) | undefined;
}
