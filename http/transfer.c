/* SPDX-License-Identifier: MIT
 * A libcurl handle. */
#include "http/transfer.h"

#include <string.h>

#include "core/alloc.h"

enum { CONNECT_MS = 3000 };

struct stele_transfer {
    CURL *easy;
    stele_transfer_request request; /* under way */
    bool too_large;
    char complaint[CURL_ERROR_SIZE];
};

static size_t take_answer(char *data, size_t size, size_t count, void *context)
{
    stele_transfer *transfer = context;
    stele_buffer *answer = transfer->request.answer;
    size_t more = size * count;
    if (more > transfer->request.answer_max - answer->size) {
        transfer->too_large = true;
        return 0;
    }
    stele_buffer_append(answer, stele_bytes_of(data, more));
    return more;
}

static size_t take_field(char *data, size_t size, size_t count, void *context)
{
    stele_transfer *transfer = context;
    stele_buffer *head = transfer->request.head;
    size_t more = size * count;
    if (head == NULL) return more;
    if (more > transfer->request.answer_max - head->size) {
        transfer->too_large = true;
        return 0;
    }
    /* The line of a status begins a header: that of an interim answer is dropped. */
    if (more > 5 && memcmp(data, "HTTP/", 5) == 0) stele_buffer_reset(head);
    stele_buffer_append(head, stele_bytes_of(data, more));
    return more;
}

static void set_authentication(CURL *easy, const stele_transfer_manner *manner)
{
    if (manner->user != NULL) {
        curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        curl_easy_setopt(easy, CURLOPT_USERNAME, manner->user);
        curl_easy_setopt(easy, CURLOPT_PASSWORD, manner->password == NULL ? "" : manner->password);
    } else if (manner->token != NULL) {
        curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
        curl_easy_setopt(easy, CURLOPT_XOAUTH2_BEARER, manner->token);
    }
}

static void set_tls(CURL *easy, const stele_transfer_manner *manner)
{
    if (manner->ca_file != NULL) curl_easy_setopt(easy, CURLOPT_CAINFO, manner->ca_file);
    if (manner->certificate_file != NULL)
        curl_easy_setopt(easy, CURLOPT_SSLCERT, manner->certificate_file);
    if (manner->key_file != NULL) curl_easy_setopt(easy, CURLOPT_SSLKEY, manner->key_file);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
}

stele_transfer *stele_transfer_new(const stele_transfer_manner *manner)
{
    stele_transfer *transfer = stele_alloc(sizeof *transfer);
    curl_global_init(CURL_GLOBAL_DEFAULT); /* counted; ends with stele_transfer_free */
    CURL *easy = curl_easy_init();
    if (easy == NULL) stele_out_of_memory(sizeof *transfer);
    transfer->easy = easy;
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L); /* a segment may be ".." */
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "stele");
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_answer);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_field);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->complaint);
    if (manner->is_direct) curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    set_authentication(easy, manner);
    set_tls(easy, manner);
    return transfer;
}

void stele_transfer_free(stele_transfer *transfer)
{
    if (transfer == NULL) return;
    curl_easy_cleanup(transfer->easy);
    curl_global_cleanup();
    free(transfer);
}

CURL *stele_transfer_handle(const stele_transfer *transfer)
{
    return transfer->easy;
}

void stele_transfer_begin(stele_transfer *transfer, const stele_transfer_request *request)
{
    CURL *easy = transfer->easy;
    long timeout_ms = request->timeout_ms;
    transfer->request = *request;
    transfer->too_large = false;
    transfer->complaint[0] = '\0';
    stele_buffer_reset(request->answer);
    if (request->head != NULL) stele_buffer_reset(request->head);
    curl_easy_setopt(easy, CURLOPT_URL, request->url);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, request->fields);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_ms);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                     timeout_ms < CONNECT_MS ? timeout_ms : (long)CONNECT_MS);
    if (request->body.data == NULL) {
        curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    } else {
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.size);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, (const char *)request->body.data);
    }
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
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

stele_status stele_transfer_end(stele_transfer *transfer, CURLcode result, long *code,
                                stele_error *err)
{
    const stele_transfer_request *request = &transfer->request;
    const char *why =
        transfer->complaint[0] == '\0' ? curl_easy_strerror(result) : transfer->complaint;
    if (result == CURLE_OK) {
        curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, code);
        return STELE_OK;
    }
    if (transfer->too_large) {
        return stele_fail(err, STELE_E_LIMIT, STELE_NEXT_STOP,
                          "%s: the answer is larger than %zu bytes", request->name,
                          request->answer_max);
    }
    if (is_setting_wrong(result)) {
        return stele_fail_cause(err, STELE_E_INVALID, STELE_NEXT_STOP, (int)result,
                                "%s: %s; see %s", request->name, why, request->settings);
    }
    stele_status status =
        result == CURLE_OPERATION_TIMEDOUT ? STELE_E_TIMED_OUT : STELE_E_UNAVAILABLE;
    return stele_fail_cause(err, status, STELE_NEXT_RETRY, (int)result, "%s: %s", request->name,
                            why);
}

bool stele_transfer_was_sent(const stele_transfer *transfer)
{
    long size = 0; /* of all that was sent, also on a connection that had to be replaced */
    curl_easy_getinfo(transfer->easy, CURLINFO_REQUEST_SIZE, &size);
    return size > 0;
}
