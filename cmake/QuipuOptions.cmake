# Warnings, sanitizers, ccache and precompiled headers, the same for every target of the project.

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  # Precompiled headers and ccache agree only when time stamps are left out of both.
  set(QUIPU_CCACHE ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=true
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${CCACHE_PROGRAM})
  set(CMAKE_C_COMPILER_LAUNCHER ${QUIPU_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${QUIPU_CCACHE})
  add_compile_options($<$<COMPILE_LANG_AND_ID:CXX,Clang>:-Xclang> $<$<COMPILE_LANG_AND_ID:CXX,Clang>:-fno-pch-timestamp>)
endif()

if(QUIPU_SANITIZE)
  add_compile_options(-fsanitize=${QUIPU_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${QUIPU_SANITIZE})
endif()

# Applies the project's warnings (as errors) to a target of ours; third-party sources keep their own.
function(quipu_warnings target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Werror -Wno-unused-parameter)
endfunction()

# Marks a target whose own code is never where time goes: the compiler waits for LLVM, and a command for the runtime.
# Optimising such code a little saves a third of its build time.
function(quipu_optimise_little target)
  target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O1>)
endfunction()

# quipu_add_library(NAME SRC... LINK LIB...): a static library of the project without MLIR.
function(quipu_add_library name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PUBLIC ${ARG_LINK})
  quipu_warnings(${name})
endfunction()

# quipu_reuse_pch(TARGET OWNER): the precompiled header of another target. A program that takes the one of a library must
# be compiled like a library: CMake would choose -fPIE for it.
function(quipu_reuse_pch target owner)
  get_target_property(type ${target} TYPE)
  if(type STREQUAL "EXECUTABLE")
    set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
    target_compile_options(${target} PRIVATE -fPIC)
  endif()
  target_precompile_headers(${target} REUSE_FROM ${owner})
endfunction()

# quipu_add_mlir_library(NAME SRC... LINK LIB... DEPENDS TGT...): a static library that uses MLIR's headers.
function(quipu_add_mlir_library name)
  cmake_parse_arguments(ARG "" "" "LINK;DEPENDS" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PUBLIC ${ARG_LINK})
  target_include_directories(${name} SYSTEM PUBLIC ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
  target_compile_definitions(${name} PUBLIC ${QUIPU_LLVM_DEFINITIONS})
  target_compile_options(${name} PRIVATE -fno-rtti)
  # Each file has a type of its debug lines, also where several are compiled as one.
  set_target_properties(${name} PROPERTIES UNITY_BUILD_CODE_AFTER_INCLUDE "#undef DEBUG_TYPE")
  # MLIR's headers take seconds a file: one precompiled header for all of them.
  quipu_reuse_pch(${name} QuipuMlirPch)
  quipu_optimise_little(${name})
  quipu_warnings(${name})
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
endfunction()

# quipu_add_mlir_tool(NAME SRC... LINK LIB...): a program linked against libMLIR.so and libLLVM.so.
function(quipu_add_mlir_tool name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} MLIR LLVM)
  target_include_directories(${name} SYSTEM PRIVATE ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
  target_compile_definitions(${name} PRIVATE ${QUIPU_LLVM_DEFINITIONS})
  target_compile_options(${name} PRIVATE -fno-rtti)
  quipu_reuse_pch(${name} QuipuMlirPch)
  quipu_optimise_little(${name})
  quipu_warnings(${name})
endfunction()
