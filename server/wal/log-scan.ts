export function checkLogFiles(_store: string): Promise<void> {
  return Promise.resolve();
}
