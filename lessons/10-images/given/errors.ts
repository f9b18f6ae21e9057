import { UsageError } from '#given/errors.ts'

/** What can be wrong with an image, a store, or what one asks of them. */
export type Trouble =
  | 'NOT_FOUND' //    no such image or file
  | 'AMBIGUOUS' //    several images are meant
  | 'BAD_NAME' //     no reference can look like this
  | 'IN_USE' //       a container needs it
  | 'BAD_DIGEST' //   it is not what its digest or its size says
  | 'BAD_ARCHIVE' //  broken, or made to break out
  | 'UNKNOWN_TYPE' // a format that we do not read
  | 'NO_PLATFORM' //  not for this machine
  | 'TOO_BIG' //      it unpacks to more than the limit
  | 'NO_SPACE' //     the disk is full
  | 'BAD_STORE' //    the store itself is not as we left it
  | 'FAILED' //       the kernel refused something that should have worked

/** An image, or the store, is not as it should be. `code` tells what the matter is. */
export class ImageError extends UsageError {
  override name = 'ImageError'
  readonly code: Trouble

  constructor(code: Trouble, message: string, options: { cause?: unknown } = {}) {
    super(message, code === 'BAD_NAME' ? 2 : 1)
    this.code = code
    if (options.cause !== undefined) this.cause = options.cause
  }
}

/** What the archive is to blame for: names too long, a file where a folder should be, a link into the void. */
const ITS_FAULT = new Set(
  'ENAMETOOLONG ELOOP ENOTDIR EISDIR ENOENT EEXIST EXDEV EMLINK ENOTEMPTY ENXIO EINVAL EPERM ERANGE E2BIG'.split(' '),
)

/** The error of a call, as one of ours: what it was about, and whose fault it is. */
export function troubleWith(what: string, error: unknown): unknown {
  if (error instanceof ImageError) return error
  const { code, message } = error as NodeJS.ErrnoException
  if (typeof code !== 'string') return error // a mistake of ours: not to be hidden
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new ImageError('NO_SPACE', `${what}: the disk is full, so nothing was kept`, { cause: error })
  }
  return new ImageError(ITS_FAULT.has(code) ? 'BAD_ARCHIVE' : 'FAILED', `${what}: ${message}`, { cause: error })
}
