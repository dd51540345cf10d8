/* SPDX-License-Identifier: Apache-2.0
 * Puts a descriptor into the custom section of a module. */
#define EXPORT(name) __attribute__((export_name(#name)))
#define DESCRIBE(json) __asm__(".section .custom_section.smalti,\"\",@\n.ascii \"" json "\"\n")
