/* SPDX-License-Identifier: MIT
 * libcurl's multi interface in one thread: all requests at the same time, over connections that
 * stay open. */
#include "http/agent.h"

#include <string.h>
#include <strings.h>

#include "core/alloc.h"
#include "core/monitor.h"
#include "http/transfer.h"

enum {
    ANSWER_MAX = 16 << 20, /* bytes */
    HOST_MAX = 64,         /* connections to one server; more requests wait for one of them */
    IDLE_MAX = 64,         /* handles that are kept for the next requests */
    POLL_MS = 1000
};

/* A request on its way. */
typedef struct asking {
    struct asking *next;
    struct asking **back; /* what points to it, among those under way */
    uint64_t number;
    char *method;
    char *url;
    char *name;
    struct curl_slist *fields;
    stele_bytes body;
    int timeout_ms;
    stele_agent_answered *answered;
    void *context;
    stele_transfer *transfer; /* NULL: not begun */
    stele_buffer answer;
    stele_buffer head;
} asking;

struct stele_curl_agent {
    stele_thread thread;
    CURLM *multi;

    /* Of the thread. */
    asking *under_way;
    stele_transfer *idle[IDLE_MAX];
    size_t idle_count;

    /* Under the monitor. */
    stele_monitor monitor;
    uint64_t last_number;
    asking *fresh;
    asking **fresh_end;
    uint64_t *cancelled;
    size_t cancelled_count;
    bool ends;
};

/* ---- requests ---- */

static void link_in(asking **list, asking *each)
{
    each->next = *list;
    each->back = list;
    if (each->next != NULL) each->next->back = &each->next;
    *list = each;
}

static void link_out(asking **list, asking *each)
{
    if (*list == each)
        *list = each->next;
    else
        *each->back = each->next;
    if (each->next != NULL) each->next->back = each->back;
}

static void free_asking(asking *each)
{
    free(each->method);
    free(each->url);
    free(each->name);
    curl_slist_free_all(each->fields);
    stele_buffer_clear(&each->answer);
    stele_buffer_clear(&each->head);
    free(each);
}

/* "http://host:port", of "http://host:port/…" */
static char *server_of(const char *url)
{
    const char *host = strstr(url, "://");
    size_t size = host == NULL ? strlen(url) : (size_t)(host - url) + 3 + strcspn(host + 3, "/");
    return stele_strndup(url, size);
}

static asking *new_asking(const stele_agent_request *request)
{
    asking *made = stele_alloc(sizeof *made);
    made->method = stele_strdup(request->method);
    made->url = stele_strdup(request->url);
    made->name = server_of(request->url);
    made->body = request->body;
    made->timeout_ms = request->timeout_ms;
    for (const char *const *at = request->fields; at != NULL && *at != NULL; at++)
        made->fields = curl_slist_append(made->fields, *at);
    made->fields = curl_slist_append(made->fields, "Expect:"); /* no wait for 100-continue */
    return made;
}

static uint64_t ask(void *self, const stele_agent_request *request, stele_agent_answered *answered,
                    void *context)
{
    stele_curl_agent *agent = self;
    asking *made = new_asking(request);
    made->answered = answered;
    made->context = context;
    stele_monitor_lock(&agent->monitor);
    uint64_t number = ++agent->last_number;
    made->number = number;
    *agent->fresh_end = made;
    agent->fresh_end = &made->next;
    stele_monitor_unlock(&agent->monitor);
    curl_multi_wakeup(agent->multi);
    return number;
}

static void cancel(void *self, uint64_t number)
{
    stele_curl_agent *agent = self;
    stele_monitor_lock(&agent->monitor);
    agent->cancelled =
        stele_realloc_array(agent->cancelled, agent->cancelled_count + 1, sizeof *agent->cancelled);
    agent->cancelled[agent->cancelled_count++] = number;
    stele_monitor_unlock(&agent->monitor);
    curl_multi_wakeup(agent->multi);
}

/* ---- the thread ---- */

static stele_transfer *take_transfer(stele_curl_agent *agent)
{
    if (agent->idle_count > 0) return agent->idle[--agent->idle_count];
    stele_transfer *made = stele_transfer_new(&(stele_transfer_manner){.is_direct = true});
    curl_easy_setopt(stele_transfer_handle(made), CURLOPT_HTTP_VERSION,
                     (long)CURL_HTTP_VERSION_1_1);
    return made;
}

static void begin(stele_curl_agent *agent, asking *each)
{
    each->transfer = take_transfer(agent);
    stele_transfer_begin(each->transfer,
                         &(stele_transfer_request){.name = each->name,
                                                   .settings = "http.advertise of that instance",
                                                   .method = each->method,
                                                   .url = each->url,
                                                   .fields = each->fields,
                                                   .body = each->body,
                                                   .timeout_ms = each->timeout_ms,
                                                   .answer_max = ANSWER_MAX,
                                                   .answer = &each->answer,
                                                   .head = &each->head});
    curl_easy_setopt(stele_transfer_handle(each->transfer), CURLOPT_PRIVATE, each);
    curl_multi_add_handle(agent->multi, stele_transfer_handle(each->transfer));
    link_in(&agent->under_way, each);
}

/* @param failure  NULL: there is an answer */
static void finish(stele_curl_agent *agent, asking *each, long code, const stele_error *failure)
{
    stele_agent_answer answer = {.code = code,
                                 .body = stele_buffer_view(&each->answer),
                                 .head = stele_buffer_view(&each->head),
                                 .was_sent = stele_transfer_was_sent(each->transfer)};
    curl_multi_remove_handle(agent->multi, stele_transfer_handle(each->transfer));
    if (agent->idle_count < IDLE_MAX)
        agent->idle[agent->idle_count++] = each->transfer;
    else
        stele_transfer_free(each->transfer);
    link_out(&agent->under_way, each);
    each->answered(each->context, &answer, failure);
    free_asking(each);
}

static void give_up(stele_curl_agent *agent, asking *each)
{
    stele_error failure;
    stele_fail(&failure, STELE_E_INTERRUPTED, STELE_NEXT_STOP, "%s: the request was cancelled",
               each->name);
    finish(agent, each, 0, &failure);
}

static void give_up_number(stele_curl_agent *agent, uint64_t number)
{
    for (asking *each = agent->under_way; each != NULL; each = each->next) {
        if (each->number != number) continue;
        give_up(agent, each);
        return;
    }
}

static void collect(stele_curl_agent *agent)
{
    int left;
    for (CURLMsg *message; (message = curl_multi_info_read(agent->multi, &left)) != NULL;) {
        if (message->msg != CURLMSG_DONE) continue;
        asking *each = NULL;
        stele_error failure;
        long code = 0;
        CURLcode result = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&each);
        stele_status status = stele_transfer_end(each->transfer, result, &code, &failure);
        finish(agent, each, code, status < 0 ? &failure : NULL);
    }
}

/* What others have asked for. @return false: the end */
static bool take_orders(stele_curl_agent *agent)
{
    stele_monitor_lock(&agent->monitor);
    asking *fresh = agent->fresh;
    uint64_t *cancelled = agent->cancelled;
    size_t count = agent->cancelled_count;
    bool ends = agent->ends;
    agent->fresh = NULL;
    agent->fresh_end = &agent->fresh;
    agent->cancelled = NULL;
    agent->cancelled_count = 0;
    stele_monitor_unlock(&agent->monitor);
    while (fresh != NULL) {
        asking *each = fresh;
        fresh = each->next;
        begin(agent, each);
    }
    for (size_t i = 0; i < count; i++)
        give_up_number(agent, cancelled[i]);
    free(cancelled);
    return !ends;
}

static void run(void *context)
{
    stele_curl_agent *agent = context;
    while (take_orders(agent)) {
        int running;
        curl_multi_perform(agent->multi, &running);
        collect(agent);
        curl_multi_poll(agent->multi, NULL, 0, POLL_MS, NULL);
    }
    while (agent->under_way != NULL)
        give_up(agent, agent->under_way);
}

/* ---- the agent ---- */

stele_status stele_curl_agent_new(stele_runtime runtime, stele_curl_agent **out, stele_error *err)
{
    stele_curl_agent *agent = stele_alloc(sizeof *agent);
    curl_global_init(CURL_GLOBAL_DEFAULT); /* counted; ends with stele_curl_agent_free */
    agent->multi = curl_multi_init();
    if (agent->multi == NULL) stele_out_of_memory(sizeof *agent);
    curl_multi_setopt(agent->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)HOST_MAX);
    curl_multi_setopt(agent->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    agent->fresh_end = &agent->fresh;
    stele_monitor_init(&agent->monitor, runtime);
    int cause = stele_thread_start(runtime, &agent->thread, "stele-agent", run, agent);
    if (cause == 0) {
        *out = agent;
        return STELE_OK;
    }
    curl_multi_cleanup(agent->multi);
    stele_monitor_clear(&agent->monitor);
    curl_global_cleanup();
    free(agent);
    return stele_fail_cause(err, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, cause,
                            "no thread for requests to other instances: raise the limit of "
                            "threads");
}

void stele_curl_agent_free(stele_curl_agent *agent)
{
    if (agent == NULL) return;
    stele_monitor_lock(&agent->monitor);
    agent->ends = true;
    stele_monitor_unlock(&agent->monitor);
    curl_multi_wakeup(agent->multi);
    stele_thread_join(agent->thread);
    for (size_t i = 0; i < agent->idle_count; i++)
        stele_transfer_free(agent->idle[i]);
    curl_multi_cleanup(agent->multi);
    stele_monitor_clear(&agent->monitor);
    curl_global_cleanup();
    free(agent);
}

static const stele_agent_ops ops = {.ask = ask, .cancel = cancel};

stele_agent stele_curl_agent_port(stele_curl_agent *agent)
{
    return (stele_agent){&ops, agent};
}

bool stele_agent_field(const stele_agent_answer *answer, const char *name, stele_bytes *out)
{
    const char *at = (const char *)answer->head.data;
    const char *end = at + answer->head.size;
    size_t size = strlen(name);
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline == NULL ? end : newline;
        if ((size_t)(stop - at) > size && at[size] == ':' && strncasecmp(at, name, size) == 0) {
            at += size + 1;
            while (at < stop && (*at == ' ' || *at == '\t'))
                at++;
            while (stop > at && (stop[-1] == ' ' || stop[-1] == '\t' || stop[-1] == '\r'))
                stop--;
            *out = stele_bytes_of(at, (size_t)(stop - at));
            return true;
        }
        at = newline == NULL ? end : newline + 1;
    }
    return false;
}
