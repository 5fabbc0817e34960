/* SPDX-License-Identifier: MIT
 * All of the public API. */
#ifndef STELE_STELE_H
#define STELE_STELE_H

#include <stele/app.h>
#include <stele/client.h>
#include <stele/json.h>
#include <stele/publisher.h>
#include <stele/reaction.h>
#include <stele/sender.h>
#include <stele/state.h>
#include <stele/version.h>
#include <stele/writer.h>

#endif
