/* SPDX-License-Identifier: MIT
 * A request with libcurl's multi interface, as that can be woken: a registry that is being closed
 * does not wait for an answer. */
#include "registry/http_exchange.h"

#include <stdatomic.h>

#include "core/alloc.h"
#include "http/transfer.h"

enum { POLL_MS = 1000 };

struct stele_confluent {
    const stele_registry_options *options;
    CURLM *multi;
    stele_transfer *transfer;
    struct curl_slist *fields;
    char *name; /* in messages */
    atomic_bool cancelled;
};

stele_confluent *stele_confluent_new(const stele_registry_options *options)
{
    stele_confluent *http = stele_alloc(sizeof *http);
    http->options = options;
    http->name = stele_strdup_format("registry %s", options->url);
    const stele_transfer_manner manner = {.user = options->user,
                                          .password = options->password,
                                          .token = options->token,
                                          .ca_file = options->ca_file,
                                          .certificate_file = options->certificate_file,
                                          .key_file = options->key_file};
    http->transfer = stele_transfer_new(&manner);
    http->multi = curl_multi_init();
    if (http->multi == NULL) stele_out_of_memory(sizeof *http);
    http->fields =
        curl_slist_append(NULL, "Accept: application/vnd.schemaregistry.v1+json, application/json");
    http->fields =
        curl_slist_append(http->fields, "Content-Type: application/vnd.schemaregistry.v1+json");
    http->fields = curl_slist_append(http->fields, "Expect:"); /* no wait for 100-continue */
    return http;
}

void stele_confluent_free(stele_confluent *http)
{
    if (http == NULL) return;
    curl_multi_cleanup(http->multi);
    stele_transfer_free(http->transfer);
    curl_slist_free_all(http->fields);
    free(http->name);
    free(http);
}

void stele_confluent_cancel(stele_confluent *http)
{
    atomic_store(&http->cancelled, true);
    curl_multi_wakeup(http->multi);
}

static stele_status cancelled(const stele_confluent *http, stele_error *err)
{
    return stele_fail(err, STELE_E_INTERRUPTED, STELE_NEXT_STOP, "%s: the request was cancelled",
                      http->name);
}

/* Until the transfer is over or is cancelled. */
static stele_status drive(stele_confluent *http, long *code, stele_error *err)
{
    for (;;) {
        int running = 0;
        CURLMcode problem = curl_multi_perform(http->multi, &running);
        if (problem == CURLM_OK && running > 0 && !atomic_load(&http->cancelled))
            problem = curl_multi_poll(http->multi, NULL, 0, POLL_MS, NULL);
        if (atomic_load(&http->cancelled)) return cancelled(http, err);
        if (problem != CURLM_OK) {
            return stele_fail_cause(err, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, (int)problem,
                                    "%s: %s", http->name, curl_multi_strerror(problem));
        }
        int left;
        CURLMsg *message = curl_multi_info_read(http->multi, &left);
        bool is_done = message != NULL && message->msg == CURLMSG_DONE;
        if (!is_done && running > 0) continue;
        CURLcode result = is_done ? message->data.result : CURLE_FAILED_INIT;
        return stele_transfer_end(http->transfer, result, code, err);
    }
}

stele_status stele_confluent_ask(stele_confluent *http, const char *method, const char *path,
                                 stele_bytes body, stele_deadline until, stele_buffer *answer,
                                 long *code, stele_error *err)
{
    if (atomic_load(&http->cancelled)) return cancelled(http, err);
    int timeout_ms = stele_deadline_remaining_ms(until, http->options->timeout_ms);
    if (timeout_ms <= 0) {
        return stele_fail(err, STELE_E_TIMED_OUT, STELE_NEXT_RETRY,
                          "%s: no time left for a request", http->name);
    }
    STELE_AUTO(char) url = stele_strdup_format("%s%s", http->options->url, path);
    stele_transfer_begin(
        http->transfer,
        &(stele_transfer_request){.name = http->name,
                                  .settings = "registry.url, registry.ca_file, "
                                              "registry.certificate_file and registry.key_file",
                                  .method = method,
                                  .url = url,
                                  .fields = http->fields,
                                  .body = body,
                                  .timeout_ms = timeout_ms,
                                  .answer_max = STELE_CONFLUENT_ANSWER_MAX,
                                  .answer = answer});
    curl_multi_add_handle(http->multi, stele_transfer_handle(http->transfer));
    stele_status status = drive(http, code, err);
    curl_multi_remove_handle(http->multi, stele_transfer_handle(http->transfer));
    return status;
}

const char *stele_confluent_url(const stele_confluent *http)
{
    return http->options->url;
}
