// SPDX-License-Identifier: MIT
#pragma once

#include <stele/projection.h>

extern const stele_aggregate meter;
extern const stele_projection bills;
