/* SPDX-License-Identifier: MIT
 * The same in C++. */
#include <stele/app.h>

int main(int argc, char **argv)
{
    stele_app app{};
    app.name = "user";
    return stele_main(argc, argv, &app);
}
