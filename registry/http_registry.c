/* SPDX-License-Identifier: MIT
 * The `http(s)://…` registry: what has been asked for by id is kept; a few threads ask for the
 * rest, so that no caller waits longer than it wants to. What fails is asked for again only after a
 * pause, and only if a caller still wants it. */
#include "core/alloc.h"
#include "core/monitor.h"
#include "core/table.h"
#include "core/text.h"
#include "registry/http_resolve.h"
#include "registry/registry_port.h"

enum {
    DEFAULT_TIMEOUT_MS = 5000,
    FETCHERS_MAX = 4,    /* requests in flight */
    UNKNOWN_MAX = 16384, /* ids kept that have no schema: they come out of strangers' messages */
    ABSENT_MS = 1000,    /* how long "there is none", and a senseless answer, are kept */
    PAUSE_MIN_MS = 100,  /* after the first failure; doubled with each */
    PAUSE_MAX_MS = 5000,
    REQUESTS_OF_ONE = 8 /* time of one schema with its references, in time-outs of a request */
};

STELE_SCOPE(stele_schema, stele_schema_free);

typedef enum id_state { NEW = 0, QUEUED, ASKING, KNOWN, FAILED } id_state;

/* What is known of an id. Stays at its address while it is QUEUED or ASKING. */
typedef struct known_id {
    int32_t id;
    id_state state;
    stele_schema *schema; /* KNOWN */
    stele_error failure;  /* of the last request; status STELE_OK: none failed yet */
    unsigned failures;    /* in a row */
    int64_t again_ns;     /* FAILED: not to be asked for before */
    struct known_id *next;
} known_id;

typedef struct http_registry http_registry;

typedef struct fetcher {
    http_registry *registry;
    stele_confluent *http;
    stele_thread thread;
} fetcher;

struct http_registry {
    stele_registry base;
    stele_registry_options options; /* its texts are owned */

    stele_monitor monitor;
    stele_table *ids; /* id → known_id */
    size_t unknown;   /* of them without a schema */
    known_id *first;  /* the queue */
    known_id **last;
    size_t queued;
    bool closing;
    size_t idle;
    size_t fetcher_count;
    fetcher fetchers[FETCHERS_MAX];
};

static stele_clock clock_of(const http_registry *registry)
{
    return stele_runtime_clock(registry->base.runtime);
}

static int64_t now_ns(const http_registry *registry)
{
    return stele_clock_monotonic_ns(clock_of(registry));
}

static stele_deadline deadline_of(const http_registry *registry, int timeout_ms)
{
    return stele_deadline_after(clock_of(registry),
                                timeout_ms < 0 ? registry->options.timeout_ms : timeout_ms);
}

static int pause_ms(unsigned failures)
{
    int pause = PAUSE_MIN_MS;
    for (unsigned i = 1; i < failures && pause < PAUSE_MAX_MS; i++)
        pause *= 2;
    return pause < PAUSE_MAX_MS ? pause : PAUSE_MAX_MS;
}

/* Will it pass by itself? */
static bool may_pass(stele_status status)
{
    return status == STELE_E_UNAVAILABLE || status == STELE_E_TIMED_OUT;
}

/* ---- the threads that ask ---- */

static stele_status fetch(http_registry *registry, stele_confluent *http, int32_t id,
                          stele_schema **out, stele_error *err)
{
    STELE_AUTO_VALUE(stele_registry_entry) entry = {0};
    stele_deadline until = stele_deadline_after(
        clock_of(registry), (int64_t)REQUESTS_OF_ONE * registry->options.timeout_ms);
    stele_status status = stele_confluent_schema(http, id, until, &entry, err);
    if (status < 0) return status;
    char name[48];
    snprintf(name, sizeof name, "schema %d of the registry", (int)id);
    return stele_confluent_resolve(http, &entry, name, until, out, err);
}

/* Keep what came of a request; the lock is held. */
static void settle(http_registry *registry, known_id *known, stele_schema *schema,
                   const stele_error *failure)
{
    if (schema != NULL) {
        known->state = KNOWN;
        known->schema = schema;
        known->failure = (stele_error){0};
        registry->unknown--;
    } else {
        known->state = FAILED;
        known->failure = *failure;
        known->failures = may_pass(failure->status) ? known->failures + 1 : 0;
        int wait_ms = may_pass(failure->status) ? pause_ms(known->failures) : ABSENT_MS;
        known->again_ns = now_ns(registry) + (int64_t)wait_ms * 1000000;
    }
    stele_monitor_wake(&registry->monitor);
}

static void run_fetcher(void *context)
{
    fetcher *self = context;
    http_registry *registry = self->registry;
    stele_monitor_lock(&registry->monitor);
    while (!registry->closing) {
        known_id *known = registry->first;
        if (known == NULL) {
            registry->idle++;
            stele_monitor_wait(&registry->monitor, stele_deadline_after(clock_of(registry), -1));
            registry->idle--;
            continue;
        }
        registry->first = known->next;
        if (registry->first == NULL) registry->last = &registry->first;
        registry->queued--;
        known->state = ASKING;
        stele_monitor_unlock(&registry->monitor);

        stele_schema *schema = NULL;
        stele_error failure = {0};
        fetch(registry, self->http, known->id, &schema, &failure);
        stele_monitor_lock(&registry->monitor);
        settle(registry, known, schema, &failure);
        if (schema == NULL) continue;
        stele_monitor_unlock(&registry->monitor);
        stele_registry_tell(&registry->base);
        stele_monitor_lock(&registry->monitor);
    }
    stele_monitor_unlock(&registry->monitor);
}

/* One more thread, if all are busy. The lock is held. */
static stele_status need_fetcher(http_registry *registry, stele_error *err)
{
    if (registry->queued < registry->idle || registry->fetcher_count == FETCHERS_MAX)
        return STELE_OK;
    fetcher *added = &registry->fetchers[registry->fetcher_count];
    *added = (fetcher){.registry = registry, .http = stele_confluent_new(&registry->options)};
    int code =
        stele_thread_start(registry->base.runtime, &added->thread, "registry", run_fetcher, added);
    if (code == 0) {
        registry->fetcher_count++;
        return STELE_OK;
    }
    stele_confluent_free(added->http);
    if (registry->fetcher_count > 0) return STELE_OK;
    return stele_fail_cause(err, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, code,
                            "registry %s: no thread could be started", registry->options.url);
}

/* ---- schemas by id; the lock is held ---- */

static stele_bytes key_of(const int32_t *id)
{
    return stele_bytes_of(id, sizeof *id);
}

/* Forget ids that failed a while ago. */
static void sweep(http_registry *registry)
{
    stele_table_cursor cursor = {0};
    known_id *known;
    int64_t now = now_ns(registry);
    while ((known = stele_table_next(registry->ids, &cursor)) != NULL) {
        if (known->state != FAILED || known->again_ns > now) continue;
        int32_t id = known->id;
        stele_table_remove(registry->ids, key_of(&id));
        registry->unknown--;
    }
}

static stele_status find_or_add(http_registry *registry, int32_t id, known_id **out,
                                stele_error *err)
{
    known_id *known = stele_table_find(registry->ids, key_of(&id));
    if (known == NULL) {
        if (registry->unknown >= UNKNOWN_MAX) sweep(registry);
        if (registry->unknown >= UNKNOWN_MAX) {
            return stele_fail(err, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY,
                              "registry %s: more than %d ids are asked for at a time",
                              registry->options.url, UNKNOWN_MAX);
        }
        known = stele_table_insert(registry->ids, key_of(&id), NULL);
        known->id = id;
        registry->unknown++;
    }
    *out = known;
    return STELE_OK;
}

static stele_status enqueue(http_registry *registry, known_id *known, stele_error *err)
{
    stele_status status = need_fetcher(registry, err);
    if (status < 0) return status;
    known->state = QUEUED;
    known->next = NULL;
    *registry->last = known;
    registry->last = &known->next;
    registry->queued++;
    stele_monitor_wake(&registry->monitor);
    return STELE_OK;
}

/* Why there is no schema yet. */
static stele_status not_yet(const http_registry *registry, const known_id *known, stele_error *err)
{
    if (known->failure.status != STELE_OK) {
        if (err != NULL) *err = known->failure;
        return known->failure.status;
    }
    return stele_fail(err, STELE_E_TIMED_OUT, STELE_NEXT_RETRY,
                      "registry %s has not answered yet what schema %d is", registry->options.url,
                      (int)known->id);
}

static stele_deadline earlier(stele_deadline a, int64_t end_ns)
{
    if (end_ns < a.end_ns) a.end_ns = end_ns;
    return a;
}

static stele_status wait_known(http_registry *registry, int32_t id, stele_deadline until,
                               known_id **out, stele_error *err)
{
    for (;;) {
        known_id *known = NULL; /* looked up again each time: a sweep may have moved it */
        stele_status status = find_or_add(registry, id, &known, err);
        if (status < 0) return status;
        if (known->state == KNOWN) {
            *out = known;
            return STELE_OK;
        }
        bool rests = known->state == FAILED && known->again_ns > now_ns(registry);
        if (rests && !may_pass(known->failure.status)) return not_yet(registry, known, err);
        if (known->state == NEW || (known->state == FAILED && !rests)) {
            if ((status = enqueue(registry, known, err)) < 0) return status;
        }
        if (stele_deadline_passed(until)) return not_yet(registry, known, err);
        stele_monitor_wait(&registry->monitor, rests ? earlier(until, known->again_ns) : until);
    }
}

static stele_status schema_of_id(stele_registry *self, int32_t id, int timeout_ms,
                                 stele_schema **out, stele_error *err)
{
    http_registry *registry = (http_registry *)self;
    known_id *known = NULL;
    stele_monitor_lock(&registry->monitor);
    stele_status status = wait_known(registry, id, deadline_of(registry, timeout_ms), &known, err);
    if (status == STELE_OK) *out = stele_schema_retain(known->schema);
    stele_monitor_unlock(&registry->monitor);
    return status;
}

/* ---- calls in the caller's thread ---- */

typedef stele_status request(stele_confluent *http, void *context, stele_deadline until,
                             stele_error *err);

/* Again and again, until the deadline, while it may pass. */
static stele_status ask_patiently(http_registry *registry, request *ask, void *context,
                                  stele_deadline until, stele_error *err)
{
    STELE_AUTO(stele_confluent) http = stele_confluent_new(&registry->options);
    for (unsigned failures = 1;; failures++) {
        stele_status status = ask(http, context, until, err);
        int pause = stele_deadline_remaining_ms(until, pause_ms(failures));
        if (!may_pass(status) || pause == 0) return status;
        stele_sleep_ms(registry->base.runtime, pause);
        if (stele_deadline_passed(until)) return status;
    }
}

typedef struct registration {
    const char *subject;
    stele_registry_entry proposal; /* borrowed */
    stele_schema *schema;          /* of it; owned */
    int32_t id;
} registration;

static stele_status post_schema(stele_confluent *http, void *context, stele_deadline until,
                                stele_error *err)
{
    registration *r = context;
    stele_status status = STELE_OK;
    if (r->schema == NULL)
        status = stele_confluent_resolve(http, &r->proposal, r->subject, until, &r->schema, err);
    if (status < 0) return status;
    return stele_confluent_register(http, r->subject, stele_text(r->proposal.text),
                                    r->proposal.references, r->proposal.reference_count, until,
                                    &r->id, err);
}

/* What failed for an id may be asked for again at once. */
static void forget_failure(http_registry *registry, int32_t id)
{
    stele_monitor_lock(&registry->monitor);
    known_id *known = stele_table_find(registry->ids, key_of(&id));
    if (known != NULL) known->again_ns = 0;
    stele_monitor_unlock(&registry->monitor);
}

/* The schema of an id that was just given out; another node of the registry may be behind. */
static stele_status schema_of_new_id(stele_registry *self, int32_t id, stele_deadline until,
                                     stele_schema **out, stele_error *err)
{
    for (;;) {
        forget_failure((http_registry *)self, id);
        stele_status status =
            schema_of_id(self, id, stele_deadline_remaining_ms(until, INT32_MAX), out, err);
        int pause = stele_deadline_remaining_ms(until, PAUSE_MIN_MS);
        if (status != STELE_E_NOT_FOUND || pause == 0) return status;
        stele_sleep_ms(self->runtime, pause);
    }
}

/* An id that belongs to another schema would make every event unreadable: look. */
static stele_status verify(stele_registry *self, const registration *r, stele_deadline until,
                           stele_error *err)
{
    STELE_AUTO(stele_schema) kept = NULL;
    stele_status status = schema_of_new_id(self, r->id, until, &kept, err);
    if (status < 0) return status;
    if (stele_schema_same_canonical(kept, r->schema)) return STELE_OK;
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                      "registry %s: subject %s: it answers id %d, which is another schema",
                      ((http_registry *)self)->options.url, r->subject, (int)r->id);
}

static stele_status register_schema(stele_registry *self, const char *subject, stele_bytes text,
                                    const stele_registry_reference *references, size_t count,
                                    int timeout_ms, int32_t *id, stele_error *err)
{
    http_registry *registry = (http_registry *)self;
    stele_deadline until = deadline_of(registry, timeout_ms);
    if (subject[0] == '\0' || memchr(text.data, '\0', text.size) != NULL) {
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT,
                          "subject \"%s\": expected a name, and a schema without a NUL", subject);
    }
    STELE_AUTO(char) copy = stele_strndup((const char *)text.data, text.size);
    registration r = {.subject = subject,
                      .proposal = {.text = copy,
                                   .references = (stele_registry_reference *)references,
                                   .reference_count = count}};
    stele_status status = ask_patiently(registry, post_schema, &r, until, err);
    if (status == STELE_OK) status = verify(self, &r, until, err);
    stele_schema_free(r.schema);
    if (status == STELE_OK) *id = r.id;
    return status;
}

static stele_status get_genesis(stele_confluent *http, void *context, stele_deadline until,
                                stele_error *err)
{
    return stele_confluent_genesis(http, until, context, err);
}

static stele_status genesis(stele_registry *self, int timeout_ms, char out[37], stele_error *err)
{
    http_registry *registry = (http_registry *)self;
    return ask_patiently(registry, get_genesis, out, deadline_of(registry, timeout_ms), err);
}

static stele_status get_subjects(stele_confluent *http, void *context, stele_deadline until,
                                 stele_error *err)
{
    return stele_confluent_subjects(http, until, context, err);
}

static stele_status list_subjects(stele_registry *self, int timeout_ms, char ***out,
                                  stele_error *err)
{
    http_registry *registry = (http_registry *)self;
    return ask_patiently(registry, get_subjects, out, deadline_of(registry, timeout_ms), err);
}

typedef struct version_question {
    const char *subject;
    int32_t version;
    int32_t *versions;
    size_t count;
    stele_registry_entry entry;
} version_question;

static stele_status get_versions(stele_confluent *http, void *context, stele_deadline until,
                                 stele_error *err)
{
    version_question *q = context;
    return stele_confluent_versions(http, q->subject, until, &q->versions, &q->count, err);
}

static stele_status list_versions(stele_registry *self, const char *subject, int timeout_ms,
                                  int32_t **out, size_t *count, stele_error *err)
{
    http_registry *registry = (http_registry *)self;
    version_question q = {.subject = subject};
    stele_status status =
        ask_patiently(registry, get_versions, &q, deadline_of(registry, timeout_ms), err);
    if (status < 0) return status;
    *out = q.versions;
    *count = q.count;
    return STELE_OK;
}

static stele_status get_version(stele_confluent *http, void *context, stele_deadline until,
                                stele_error *err)
{
    version_question *q = context;
    return stele_confluent_version(http, q->subject, q->version, until, &q->entry, err);
}

static stele_status find_version(stele_registry *self, const char *subject, int32_t version,
                                 int timeout_ms, stele_registry_entry *out, stele_error *err)
{
    http_registry *registry = (http_registry *)self;
    version_question q = {.subject = subject, .version = version};
    stele_status status =
        ask_patiently(registry, get_version, &q, deadline_of(registry, timeout_ms), err);
    if (status == STELE_OK) *out = q.entry;
    return status;
}

typedef struct level_question {
    const char *subject;
    stele_compatibility level;
    bool is_own;
    const stele_compatibility *set; /* when it is to be set; NULL: to be taken away */
} level_question;

static stele_status get_level(stele_confluent *http, void *context, stele_deadline until,
                              stele_error *err)
{
    level_question *q = context;
    stele_status status = stele_confluent_level(http, q->subject, until, &q->level, err);
    q->is_own = status == STELE_OK && q->subject != NULL;
    if (status != STELE_E_NOT_FOUND || q->subject == NULL) return status;
    return stele_confluent_level(http, NULL, until, &q->level, err);
}

static stele_status find_level(stele_registry *self, const char *subject, int timeout_ms,
                               stele_compatibility *out, bool *is_own, stele_error *err)
{
    http_registry *registry = (http_registry *)self;
    level_question q = {.subject = subject};
    stele_status status =
        ask_patiently(registry, get_level, &q, deadline_of(registry, timeout_ms), err);
    if (status < 0) return status;
    *out = q.level;
    *is_own = q.is_own;
    return STELE_OK;
}

static stele_status put_level(stele_confluent *http, void *context, stele_deadline until,
                              stele_error *err)
{
    const level_question *q = context;
    return stele_confluent_set_level(http, q->subject, q->set, until, err);
}

static stele_status set_level(stele_registry *self, const char *subject,
                              const stele_compatibility *level, int timeout_ms, stele_error *err)
{
    http_registry *registry = (http_registry *)self;
    level_question q = {.subject = subject, .set = level};
    return ask_patiently(registry, put_level, &q, deadline_of(registry, timeout_ms), err);
}

/* ---- opening and closing ---- */

static void stop_fetchers(http_registry *registry)
{
    stele_monitor_lock(&registry->monitor);
    registry->closing = true;
    for (size_t i = 0; i < registry->fetcher_count; i++)
        stele_confluent_cancel(registry->fetchers[i].http);
    stele_monitor_wake(&registry->monitor);
    stele_monitor_unlock(&registry->monitor);
    for (size_t i = 0; i < registry->fetcher_count; i++) {
        stele_thread_join(registry->fetchers[i].thread);
        stele_confluent_free(registry->fetchers[i].http);
    }
}

static void close_http(stele_registry *self)
{
    http_registry *registry = (http_registry *)self;
    stop_fetchers(registry);
    stele_table_cursor cursor = {0};
    known_id *known;
    while ((known = stele_table_next(registry->ids, &cursor)) != NULL)
        stele_schema_free(known->schema);
    stele_table_free(registry->ids);
    stele_monitor_clear(&registry->monitor);

    stele_registry_options *options = &registry->options;
    const char *texts[] = {options->url,     options->user,    options->password,
                           options->token,   options->ca_file, options->certificate_file,
                           options->key_file};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        free((char *)texts[i]);
    free(registry);
}

static stele_status check_options(const stele_registry_options *options, stele_error *err)
{
    const char *url = options->url;
    const char *host = strstr(url, "://") + 3;
    size_t host_size = strcspn(host, "/?#");
    if (host_size == 0 || host[host_size + strcspn(host + host_size, "?#")] != '\0') {
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "registry.url %s: expected http(s)://host[:port][/path]",
                          stele_quote(stele_text(url)).text);
    }
    if (memchr(host, '@', host_size) != NULL) {
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "registry.url: a user does not belong into it, as it is shown in "
                          "messages: set registry.user and registry.password");
    }
    if (options->user != NULL && options->token != NULL) {
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "registry.user and registry.token are set: choose one");
    }
    return STELE_OK;
}

stele_status stele_http_registry_open(const stele_registry_options *options, stele_registry **out,
                                      stele_error *err)
{
    static const stele_registry_ops ops = {.close = close_http,
                                           .schema = schema_of_id,
                                           .register_schema = register_schema,
                                           .genesis = genesis,
                                           .subjects = list_subjects,
                                           .versions = list_versions,
                                           .version = find_version,
                                           .level = find_level,
                                           .set_level = set_level};
    stele_status status = check_options(options, err);
    if (status < 0) return status;
    size_t size = strlen(options->url);
    while (options->url[size - 1] == '/')
        size--;
    http_registry *registry = stele_alloc(sizeof *registry);
    registry->base.ops = &ops;
    registry->base.runtime = stele_registry_options_runtime(options);
    registry->options = (stele_registry_options){
        .url = stele_strndup(options->url, size),
        .timeout_ms = options->timeout_ms == 0 ? DEFAULT_TIMEOUT_MS : options->timeout_ms,
        .user = stele_strdup(options->user),
        .password = stele_strdup(options->password),
        .token = stele_strdup(options->token),
        .ca_file = stele_strdup(options->ca_file),
        .certificate_file = stele_strdup(options->certificate_file),
        .key_file = stele_strdup(options->key_file)};
    stele_monitor_init(&registry->monitor, registry->base.runtime);
    registry->ids = stele_table_new(sizeof(known_id), (uint64_t)(uintptr_t)registry);
    registry->last = &registry->first;
    *out = &registry->base;
    return STELE_OK;
}
