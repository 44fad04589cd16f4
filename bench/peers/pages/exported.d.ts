declare module "exported:*" {
  const file: unknown;
  export default file;
}
