// SPDX-License-Identifier: MIT
#include <stele/stele_test.h>

#include "meters.h"
#include "reading.h"

int main()
{
    stele_test *test = stele_test_projection(&bills);
    meters_reading reading = {};
    reading.kwh = 100;
    stele_test_given(test, "m1", &meters_reading_type, &reading);
    reading.kwh = 110.5;
    reading.has_note = true;
    reading.note = stele_text("read by the tenant");
    stele_test_given(test, "m1", &meters_reading_type, &reading);
    stele_test_then_json(test, "m1",
                         R"({"last_kwh": 110.5, "cents": 331, "notes": ["read by the tenant"]})");
    stele_test_given_json(test, "m1", &meters_reading_type, R"({"kwh": 7})");
    stele_test_then_stopped(test, "a meter never runs backwards");
    return stele_test_end(test);
}
