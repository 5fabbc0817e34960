/* SPDX-License-Identifier: MIT
 * Reading a small file whole. */
#ifndef STELE_CORE_FILE_H
#define STELE_CORE_FILE_H

#include <stddef.h>

#include <stele/buffer.h>
#include <stele/error.h>

/**
 * Append the content of a file.
 *
 * @param size_max  more is refused, before it is all read
 * @return STELE_E_NOT_FOUND  it cannot be opened or read; cause is errno (next = STOP)
 *         STELE_E_LIMIT      larger than `size_max` (next = STOP)
 *         On failure `out` is as before.
 */
stele_status stele_file_read(const char *path, size_t size_max, stele_buffer *out,
                             stele_error *err);

#endif
