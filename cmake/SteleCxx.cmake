# SPDX-License-Identifier: MIT
# Stele is C. A C++ compiler is wanted by the tests, which include the public headers in C++, and used
# by one of the examples where there is one.
if(BUILD_TESTING)
  enable_language(CXX)
elseif(STELE_EXAMPLES)
  include(CheckLanguage)
  check_language(CXX)
  if(CMAKE_CXX_COMPILER)
    enable_language(CXX)
  endif()
endif()
