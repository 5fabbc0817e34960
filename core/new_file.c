/* SPDX-License-Identifier: MIT
 * By rename, and fsync of the file and of its folder, so that it survives a power cut, too. */
#include "core/new_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/alloc.h"

static stele_status cannot(const stele_new_file *file, const char *what, stele_error *err)
{
    int cause = errno;
    return stele_fail_cause(err, STELE_E_UNAVAILABLE, STELE_NEXT_STOP, cause, "%s cannot be %s: %s",
                            file->path, what, strerror(cause));
}

static stele_status is_there(const char *path, stele_error *err)
{
    return stele_fail(err, STELE_E_EXISTS, STELE_NEXT_STOP,
                      "%s is there already: give another name, or remove it first", path);
}

/* Whoever writes holds the file's lock until it has its name. What was opened while someone else
 * held it may have become that file: then it is no longer the one of this name. */
static bool take_hold(int fd, const char *part)
{
    struct stat opened;
    struct stat named;
    return lockf(fd, F_TLOCK, 0) == 0 && fstat(fd, &opened) == 0 && stat(part, &named) == 0 &&
           opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

stele_status stele_new_file_open(const char *path, stele_new_file *out, stele_error *err)
{
    if (access(path, F_OK) == 0) return is_there(path, err);
    stele_new_file file = {.path = stele_strdup(path),
                           .part = stele_strdup_format("%s.part", path)};
    int fd = open(file.part, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    stele_status status = fd < 0 ? cannot(&file, "made", err) : STELE_OK;
    if (status == STELE_OK && !take_hold(fd, file.part))
        status = stele_fail(err, STELE_E_EXISTS, STELE_NEXT_STOP,
                            "%s is being written by another process", path);
    if (status == STELE_OK && (ftruncate(fd, 0) != 0 || (file.file = fdopen(fd, "wb")) == NULL))
        status = cannot(&file, "made", err);
    if (status == STELE_OK) {
        *out = file;
        return STELE_OK;
    }
    if (fd >= 0) close(fd);
    free(file.part); /* it may be another's, and stays */
    free(file.path);
    return status;
}

/* The name is in the folder, and that is on the disk by itself. */
static stele_status sync_folder(const stele_new_file *file, stele_error *err)
{
    const char *slash = strrchr(file->path, '/');
    STELE_AUTO(char)
    folder = slash == NULL         ? stele_strdup(".")
             : slash == file->path ? stele_strdup("/")
                                   : stele_strndup(file->path, (size_t)(slash - file->path));
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return cannot(file, "kept", err);
    int done = fsync(fd);
    close(fd);
    return done == 0 || errno == EINVAL ? STELE_OK : cannot(file, "kept", err);
}

stele_status stele_new_file_keep(stele_new_file *file, stele_error *err)
{
    if (fflush(file->file) != 0 || fsync(fileno(file->file)) != 0)
        return cannot(file, "written", err);
    /* link, unlike rename, does not replace a file that was made meanwhile; not all systems of
     * files have it. */
    if (link(file->part, file->path) == 0)
        unlink(file->part);
    else if (errno == EEXIST)
        return is_there(file->path, err);
    else if (rename(file->part, file->path) != 0)
        return cannot(file, "written", err);
    free(file->part);
    file->part = NULL;
    FILE *written = file->file;
    file->file = NULL;
    if (fclose(written) != 0) return cannot(file, "written", err);
    return sync_folder(file, err);
}

void stele_new_file_clear(stele_new_file *file)
{
    if (file->part != NULL) unlink(file->part); /* while it is held */
    if (file->file != NULL) fclose(file->file);
    free(file->part);
    free(file->path);
    *file = (stele_new_file){0};
}
