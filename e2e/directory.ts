/**
 * A place for the files of a test.
 *
 * @module
 */

/** A directory that is gone after the test. */
export class Directory implements Disposable {
  readonly path: string = Deno.makeTempDirSync();

  file(name: string): string {
    return `${this.path}/${name}`;
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}
