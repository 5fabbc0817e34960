/* SPDX-License-Identifier: MIT */
typedef int stele_placeholder_kafka;
