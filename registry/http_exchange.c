/* SPDX-License-Identifier: MIT
 * A request with libcurl's multi interface, as that can be woken: a registry that is being closed
 * does not wait for an answer. */
#include "registry/http_exchange.h"

#include <curl/curl.h>
#include <stdatomic.h>
#include <string.h>

#include "core/alloc.h"

enum { CONNECT_MS = 3000, POLL_MS = 1000 };

struct stele_confluent {
    const stele_registry_options *options;
    CURLM *multi;
    CURL *easy;
    struct curl_slist *headers;
    atomic_bool cancelled;

    /* Of the request in flight. */
    stele_buffer *answer;
    bool too_large;
    char complaint[CURL_ERROR_SIZE];
};

static size_t take_answer(char *data, size_t size, size_t count, void *context)
{
    stele_confluent *http = context;
    size_t more = size * count;
    if (more > STELE_CONFLUENT_ANSWER_MAX - http->answer->size) {
        http->too_large = true;
        return 0;
    }
    stele_buffer_append(http->answer, stele_bytes_of(data, more));
    return more;
}

static void set_authentication(stele_confluent *http)
{
    const stele_registry_options *options = http->options;
    if (options->user != NULL) {
        curl_easy_setopt(http->easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        curl_easy_setopt(http->easy, CURLOPT_USERNAME, options->user);
        curl_easy_setopt(http->easy, CURLOPT_PASSWORD,
                         options->password == NULL ? "" : options->password);
    } else if (options->token != NULL) {
        curl_easy_setopt(http->easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
        curl_easy_setopt(http->easy, CURLOPT_XOAUTH2_BEARER, options->token);
    }
}

static void set_tls(stele_confluent *http)
{
    const stele_registry_options *options = http->options;
    if (options->ca_file != NULL) curl_easy_setopt(http->easy, CURLOPT_CAINFO, options->ca_file);
    if (options->certificate_file != NULL)
        curl_easy_setopt(http->easy, CURLOPT_SSLCERT, options->certificate_file);
    if (options->key_file != NULL) curl_easy_setopt(http->easy, CURLOPT_SSLKEY, options->key_file);
    curl_easy_setopt(http->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
}

stele_confluent *stele_confluent_new(const stele_registry_options *options)
{
    stele_confluent *http = stele_alloc(sizeof *http);
    http->options = options;
    curl_global_init(CURL_GLOBAL_DEFAULT); /* counted; ends with stele_confluent_free */
    http->multi = curl_multi_init();
    http->easy = curl_easy_init();
    if (http->multi == NULL || http->easy == NULL) stele_out_of_memory(sizeof *http);
    http->headers =
        curl_slist_append(NULL, "Accept: application/vnd.schemaregistry.v1+json, application/json");
    http->headers =
        curl_slist_append(http->headers, "Content-Type: application/vnd.schemaregistry.v1+json");
    http->headers = curl_slist_append(http->headers, "Expect:"); /* no wait for 100-continue */

    curl_easy_setopt(http->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(http->easy, CURLOPT_PATH_AS_IS, 1L); /* a subject may be named ".." */
    curl_easy_setopt(http->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(http->easy, CURLOPT_USERAGENT, "stele");
    curl_easy_setopt(http->easy, CURLOPT_HTTPHEADER, http->headers);
    curl_easy_setopt(http->easy, CURLOPT_WRITEFUNCTION, take_answer);
    curl_easy_setopt(http->easy, CURLOPT_WRITEDATA, http);
    curl_easy_setopt(http->easy, CURLOPT_ERRORBUFFER, http->complaint);
    set_authentication(http);
    set_tls(http);
    return http;
}

void stele_confluent_free(stele_confluent *http)
{
    if (http == NULL) return;
    curl_easy_cleanup(http->easy);
    curl_multi_cleanup(http->multi);
    curl_slist_free_all(http->headers);
    curl_global_cleanup();
    free(http);
}

void stele_confluent_cancel(stele_confluent *http)
{
    atomic_store(&http->cancelled, true);
    curl_multi_wakeup(http->multi);
}

static bool is_setting_wrong(CURLcode code)
{
    switch (code) {
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_PEER_FAILED_VERIFICATION:
        return true;
    default:
        return false;
    }
}

static stele_status explain(const stele_confluent *http, CURLcode code, stele_error *err)
{
    const char *url = http->options->url;
    const char *why = http->complaint[0] == '\0' ? curl_easy_strerror(code) : http->complaint;
    if (http->too_large) {
        return stele_fail(err, STELE_E_LIMIT, STELE_NEXT_STOP,
                          "registry %s: the answer is larger than %d bytes", url,
                          STELE_CONFLUENT_ANSWER_MAX);
    }
    if (is_setting_wrong(code)) {
        return stele_fail_cause(err, STELE_E_INVALID, STELE_NEXT_STOP, (int)code,
                                "registry %s: %s; see registry.url, registry.ca_file, "
                                "registry.certificate_file and registry.key_file",
                                url, why);
    }
    stele_status status =
        code == CURLE_OPERATION_TIMEDOUT ? STELE_E_TIMED_OUT : STELE_E_UNAVAILABLE;
    return stele_fail_cause(err, status, STELE_NEXT_RETRY, (int)code, "registry %s: %s", url, why);
}

static stele_status cancelled(const stele_confluent *http, stele_error *err)
{
    return stele_fail(err, STELE_E_INTERRUPTED, STELE_NEXT_STOP,
                      "registry %s: the request was cancelled", http->options->url);
}

/* Until the transfer is over or is cancelled. */
static stele_status transfer(stele_confluent *http, stele_error *err)
{
    for (;;) {
        int running = 0;
        CURLMcode problem = curl_multi_perform(http->multi, &running);
        if (problem == CURLM_OK && running > 0 && !atomic_load(&http->cancelled))
            problem = curl_multi_poll(http->multi, NULL, 0, POLL_MS, NULL);
        if (atomic_load(&http->cancelled)) return cancelled(http, err);
        if (problem != CURLM_OK) {
            return stele_fail_cause(err, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, (int)problem,
                                    "registry %s: %s", http->options->url,
                                    curl_multi_strerror(problem));
        }
        int left;
        CURLMsg *message = curl_multi_info_read(http->multi, &left);
        bool is_done = message != NULL && message->msg == CURLMSG_DONE;
        if (!is_done && running > 0) continue;
        CURLcode code = is_done ? message->data.result : CURLE_FAILED_INIT;
        return code == CURLE_OK ? STELE_OK : explain(http, code, err);
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
                          "registry %s: no time left for a request", http->options->url);
    }
    STELE_AUTO(char) url = stele_strdup_format("%s%s", http->options->url, path);
    curl_easy_setopt(http->easy, CURLOPT_URL, url);
    curl_easy_setopt(http->easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    curl_easy_setopt(http->easy, CURLOPT_CONNECTTIMEOUT_MS,
                     (long)(timeout_ms < CONNECT_MS ? timeout_ms : CONNECT_MS));
    if (body.data == NULL) {
        curl_easy_setopt(http->easy, CURLOPT_HTTPGET, 1L);
    } else {
        curl_easy_setopt(http->easy, CURLOPT_POST, 1L);
        curl_easy_setopt(http->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.size);
        curl_easy_setopt(http->easy, CURLOPT_POSTFIELDS, (const char *)body.data);
    }
    curl_easy_setopt(http->easy, CURLOPT_CUSTOMREQUEST, method);
    stele_buffer_reset(answer);
    http->answer = answer;
    http->too_large = false;
    http->complaint[0] = '\0';

    curl_multi_add_handle(http->multi, http->easy);
    stele_status status = transfer(http, err);
    curl_multi_remove_handle(http->multi, http->easy);
    if (status == STELE_OK) curl_easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, code);
    return status;
}

const char *stele_confluent_url(const stele_confluent *http)
{
    return http->options->url;
}

char *stele_confluent_segment(const char *text)
{
    char *escaped = curl_easy_escape(NULL, text, (int)strlen(text));
    if (escaped == NULL) stele_out_of_memory(strlen(text));
    char *copy = stele_strdup(escaped);
    curl_free(escaped);
    return copy;
}
