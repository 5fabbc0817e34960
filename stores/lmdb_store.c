/* SPDX-License-Identifier: MIT
 * The file, and its transactions. LMDB is opened without its own lock: one writer, or any number of
 * readers, hold flock(2) on the file for as long as their transaction lasts. */
#include "stores/lmdb_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/alloc.h"
#include "core/deadline.h"
#include "core/text.h"

enum {
    BUSY_MS = 1000, /* how long another process may hold the file before that is a reason to wait */
    LOOK_MS = 2,
    FILE_MODE = 0644
};

/* The map takes address space, no memory and no disk. A transaction finds at least so much of it
 * free. */
#define MAP_SPARE ((size_t)256 << 20)
#define AHEAD     ((size_t)16 << 20) /* how far a file reaches behind what is used of it */
#define MAP_BEGIN ((size_t)1 << 30)

static const char format_key[] = "stele";
static const char format_value[] = "1";

static const char *const table_names[LMDB_TABLES] = {[LMDB_PROJECTIONS] = "projections",
                                                     [LMDB_POSITIONS] = "positions",
                                                     [LMDB_LETTERS] = "letters",
                                                     [LMDB_STATES] = "states"};

static const stele_sql_store_ops lmdb_ops;

stele_sql_store *stele_lmdb_store_new(stele_runtime runtime, const char *path)
{
    lmdb_store *self = stele_alloc(sizeof *self);
    self->base.ops = &lmdb_ops;
    self->runtime = runtime;
    self->path = stele_strdup(path);
    self->file = -1;
    self->map_size = MAP_BEGIN;
    self->map_spare = MAP_SPARE;
    return &self->base;
}

void stele_lmdb_store_set_map(stele_sql_store *base, size_t size)
{
    lmdb_store *self = (lmdb_store *)base;
    self->map_size = size;
    self->map_spare = size / 4;
}

/* ---- failures ---- */

stele_status lmdb_fail(const lmdb_store *self, int code, stele_error *err)
{
    switch (code) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return stele_fail_cause(err, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, code,
                                "%s: the disk is full", self->path);
    case EIO: /* LMDB says so, too, of what was written in part */
        return stele_fail_cause(err, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, code,
                                "%s could not be written or read whole: the disk is full, or fails",
                                self->path);
    case MDB_MAP_FULL:
        return stele_fail_cause(err, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, code,
                                "%s: this transaction needs a larger map, which it gets now",
                                self->path);
    case MDB_PANIC:
    case MDB_BAD_TXN:
    case MDB_MAP_RESIZED:
        return stele_fail_cause(err, STELE_E_UNAVAILABLE, STELE_NEXT_ABORT, code,
                                "%s: after a failure to write it is opened again", self->path);
    case EACCES:
    case EPERM:
    case EROFS:
        return stele_fail_cause(err, STELE_E_FORBIDDEN, STELE_NEXT_STOP, code,
                                "%s: %s: this user needs the right to write the file and its "
                                "folder",
                                self->path, strerror(code));
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
        return stele_fail_cause(err, STELE_E_INVALID, STELE_NEXT_STOP, code,
                                "%s is no LMDB file, or is damaged: %s. Name another file (store = "
                                "lmdb:PATH); if Stele has made this one, remove it, and it is made "
                                "again from the events",
                                self->path, mdb_strerror(code));
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INCOMPATIBLE:
        return stele_fail_cause(err, STELE_E_INVALID, STELE_NEXT_STOP, code,
                                "%s is damaged: %s. Remove the file, and it is made again from the "
                                "events",
                                self->path, mdb_strerror(code));
    case ESTALE:
        return stele_fail_cause(err, STELE_E_UNAVAILABLE, STELE_NEXT_ABORT, code,
                                "%s: %s: it is opened again", self->path, strerror(code));
    case EINTR: /* of this machine, at this moment */
    case EAGAIN:
    case EBUSY:
    case ENOMEM:
    case ENFILE:
    case EMFILE:
    case ENOLCK:
        return stele_fail_cause(err, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, code, "%s: %s",
                                self->path, strerror(code));
    case MDB_TXN_FULL:
        return stele_fail_cause(err, STELE_E_LIMIT, STELE_NEXT_STOP, code,
                                "%s: a transaction changes more pages than LMDB can: lower "
                                "snapshot_events, so that fewer states are written at once",
                                self->path);
    default: /* the same call would fail in the same way again */
        return stele_fail_cause(err, STELE_E_INVALID, STELE_NEXT_STOP, code,
                                "%s: %s: waiting does not change that. Check its disk, or remove "
                                "the file, and it is made again from the events",
                                self->path, mdb_strerror(code));
    }
}

/* ---- the lock ---- */

static stele_status lock(lmdb_store *self, int how, stele_error *err)
{
    stele_deadline end = stele_deadline_after(stele_runtime_clock(self->runtime), BUSY_MS);
    while (flock(self->file, how | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) return lmdb_fail(self, errno, err);
        if (stele_deadline_passed(end) || atomic_load(&self->base.ends))
            return stele_fail(err, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY,
                              "%s is locked by another program: it has a transaction open",
                              self->path);
        stele_sleep_ms(self->runtime, LOOK_MS);
    }
    return STELE_OK;
}

static void unlock(lmdb_store *self)
{
    flock(self->file, LOCK_UN);
}

/* Has somebody removed or replaced the file while it was in use? What is written to it then is
 * gone. */
static stele_status check_file(lmdb_store *self, stele_error *err)
{
    struct stat own, there;
    if (fstat(self->file, &own) == 0 && stat(self->path, &there) == 0 &&
        own.st_dev == there.st_dev && own.st_ino == there.st_ino)
        return STELE_OK;
    return stele_fail(err, STELE_E_UNAVAILABLE, STELE_NEXT_ABORT,
                      "%s was removed or replaced while it was used: it is opened again",
                      self->path);
}

/* ---- the map ---- */

static int set_map(lmdb_store *self, size_t size)
{
    int code = mdb_env_set_mapsize(self->env, size);
    if (code == 0) self->map_size = size;
    return code;
}

/* Pages that are used, in bytes: others may have added some. The file is locked. */
static size_t used_size(lmdb_store *self)
{
    MDB_envinfo info;
    MDB_stat stat;
    mdb_env_info(self->env, &info);
    mdb_env_stat(self->env, &stat);
    return (info.me_last_pgno + 1) * stat.ms_psize;
}

static int grow_map(lmdb_store *self)
{
    size_t needed = used_size(self) + self->map_spare;
    size_t size = self->needs_map ? 2 * self->map_size : self->map_size;
    while (size < needed)
        size *= 2;
    self->needs_map = false;
    return size == self->map_size ? 0 : set_map(self, size);
}

/* LMDB has no map any more: the next call that uses it would end the process. */
static stele_status fail_map(const lmdb_store *self, stele_error *err)
{
    return stele_fail_cause(
        err, STELE_E_UNAVAILABLE, STELE_NEXT_ABORT, errno,
        "%s: there is no room for its map in the memory of this process (ulimit "
        "-v): it is opened again",
        self->path);
}

/* A page that was allocated and given back in the same transaction is not written: the file may be
 * shorter than LMDB's count of pages. A file that is cut off is known by its size, and one that
 * is read behind its end kills the process; so it gets its full size, and more before a
 * transaction, as someone may be killed behind it. What is not written takes no room on a disk. */
static void fill_up(lmdb_store *self, size_t ahead)
{
    struct stat stat;
    size_t wanted = used_size(self) + ahead;
    if (fstat(self->file, &stat) == 0 && (size_t)stat.st_size < wanted &&
        ftruncate(self->file, (off_t)(wanted + ahead)) != 0)
        return; /* the next transaction tries it again */
}

/* ---- transactions ---- */

static stele_status begin_with(lmdb_store *self, int how, unsigned flags, stele_error *err)
{
    stele_status status = lock(self, how, err);
    if (status < 0) return status;
    status = check_file(self, err);
    int code = 0;
    if (status == STELE_OK && grow_map(self) != 0) status = fail_map(self, err);
    if (status == STELE_OK && (flags & MDB_RDONLY) == 0) fill_up(self, AHEAD);
    if (status == STELE_OK) code = mdb_txn_begin(self->env, NULL, flags, &self->txn);
    if (code != 0) {
        self->txn = NULL;
        status = lmdb_fail(self, code, err);
    }
    if (status < 0) unlock(self);
    return status;
}

stele_status lmdb_begin_write(lmdb_store *self, stele_error *err)
{
    return begin_with(self, LOCK_EX, 0, err);
}

stele_status lmdb_begin_read(lmdb_store *self, stele_error *err)
{
    return begin_with(self, LOCK_SH, MDB_RDONLY, err);
}

void lmdb_roll_back(stele_sql_store *base)
{
    lmdb_store *self = (lmdb_store *)base;
    if (self->txn == NULL) return;
    mdb_txn_abort(self->txn);
    self->txn = NULL;
    unlock(self);
}

stele_status lmdb_undo(lmdb_store *self, stele_status status)
{
    lmdb_roll_back(&self->base);
    return status;
}

stele_status lmdb_commit(stele_sql_store *base, stele_error *err)
{
    lmdb_store *self = (lmdb_store *)base;
    int code = mdb_txn_commit(self->txn);
    self->txn = NULL;
    if (code == 0) fill_up(self, 0);
    self->needs_map = code == MDB_MAP_FULL;
    unlock(self);
    return code == 0 ? STELE_OK : lmdb_fail(self, code, err);
}

/* ---- opening ---- */

static void close_store(stele_sql_store *base)
{
    lmdb_store *self = (lmdb_store *)base;
    lmdb_roll_back(base);
    if (self->env != NULL) mdb_env_close(self->env);
    self->env = NULL;
    if (self->file >= 0) close(self->file);
    self->file = -1;
    for (size_t i = 0; i < self->statement_count; i++)
        free(self->statements[i].name);
    free(self->statements);
    self->statements = NULL;
    self->statement_count = 0;
}

static void free_store(stele_sql_store *base)
{
    lmdb_store *self = (lmdb_store *)base;
    close_store(base);
    stele_buffer_clear(&self->room);
    free(self->path);
    free(self);
}

static stele_status open_file(lmdb_store *self, stele_error *err)
{
    self->file = open(self->path, O_RDWR | O_CREAT | O_CLOEXEC, FILE_MODE);
    if (self->file >= 0) return STELE_OK;
    if (errno == ENOENT || errno == ENOTDIR || errno == EISDIR)
        return stele_fail_cause(err, STELE_E_NOT_FOUND,
                                self->was_open ? STELE_NEXT_RETRY : STELE_NEXT_STOP, errno,
                                "%s cannot be made or opened: %s; name a file in a folder that "
                                "exists",
                                self->path, strerror(errno));
    return lmdb_fail(self, errno, err);
}

static stele_status check_size(lmdb_store *self, stele_error *err)
{
    struct stat stat;
    size_t used = used_size(self);
    if (fstat(self->file, &stat) != 0 || stat.st_size == 0 || (size_t)stat.st_size >= used)
        return STELE_OK;
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                      "%s has %lld bytes and should have %zu: it is cut off. Remove the file, and "
                      "it is made again from the events",
                      self->path, (long long)stat.st_size, used);
}

/* The file is locked, because a new one is written when it is opened. */
static stele_status open_env(lmdb_store *self, stele_error *err)
{
    int code = mdb_env_create(&self->env);
    if (code == 0) code = mdb_env_set_maxdbs(self->env, LMDB_TABLES);
    if (code == 0) code = mdb_env_set_mapsize(self->env, self->map_size);
    if (code == 0)
        code = mdb_env_open(self->env, self->path, MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOMETASYNC,
                            FILE_MODE);
    if (code == ENOMEM)
        return stele_fail_cause(err, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, code,
                                "%s: no address space for a map of %zu MiB (ulimit -v)", self->path,
                                self->map_size >> 20);
    return code == 0 ? check_size(self, err) : lmdb_fail(self, code, err);
}

/* @return LMDB's code */
static int make_tables(lmdb_store *self, bool *is_foreign)
{
    MDB_dbi root;
    MDB_stat stat;
    MDB_val found, key = lmdb_val(format_key, sizeof format_key - 1);
    MDB_val format = lmdb_val(format_value, sizeof format_value - 1);
    int code = mdb_dbi_open(self->txn, NULL, 0, &root);
    if (code == 0) code = mdb_stat(self->txn, root, &stat);
    if (code == 0) code = mdb_get(self->txn, root, &key, &found);
    *is_foreign = (code == MDB_NOTFOUND && stat.ms_entries > 0) ||
                  (code == 0 && (found.mv_size != format.mv_size ||
                                 memcmp(found.mv_data, format.mv_data, format.mv_size) != 0));
    if (*is_foreign) return 0;
    if (code == MDB_NOTFOUND) code = mdb_put(self->txn, root, &key, &format, 0);
    for (int i = 0; code == 0 && i < LMDB_TABLES; i++)
        code = mdb_dbi_open(self->txn, table_names[i], MDB_CREATE, &self->tables[i]);
    return code;
}

static stele_status open_tables(lmdb_store *self, stele_error *err)
{
    bool is_foreign = false;
    stele_status status = lmdb_begin_write(self, err);
    if (status < 0) return status;
    int code = make_tables(self, &is_foreign);
    if (is_foreign)
        return stele_fail(err, STELE_E_CONFLICT, STELE_NEXT_STOP,
                          "%s is an LMDB file of another program, or of a newer version of Stele: "
                          "name another file (store = lmdb:PATH)",
                          self->path);
    return code == 0 ? lmdb_commit(&self->base, err) : lmdb_fail(self, code, err);
}

static stele_status open_store(stele_sql_store *base, stele_error *err)
{
    lmdb_store *self = (lmdb_store *)base;
    stele_status status = open_file(self, err);
    if (status == STELE_OK && (status = lock(self, LOCK_EX, err)) == STELE_OK) {
        status = open_env(self, err);
        unlock(self);
    }
    if (status == STELE_OK) status = open_tables(self, err);
    self->was_open = self->was_open || status == STELE_OK;
    if (status < 0) close_store(base);
    return status;
}

static const stele_sql_store_ops lmdb_ops = {.open = open_store,
                                             .setup = lmdb_set_up,
                                             .teardown = lmdb_tear_down,
                                             .reset = lmdb_reset,
                                             .prepare = lmdb_prepare,
                                             .claim = lmdb_claim,
                                             .begin = lmdb_begin,
                                             .execute = lmdb_execute,
                                             .commit = lmdb_commit,
                                             .read = lmdb_read,
                                             .keep = lmdb_keep,
                                             .letters = lmdb_letters,
                                             .places = lmdb_places,
                                             .rollback = lmdb_roll_back,
                                             .close = close_store,
                                             .free = free_store};
