/* SPDX-License-Identifier: MIT
 * What every unit test includes: cmocka with the headers that it wants before it. */
#ifndef STELE_TESTS_SUPPORT_TEST_H
#define STELE_TESTS_SUPPORT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/manual_time.h"

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

#endif
