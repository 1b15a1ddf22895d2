//===- Namesake.cpp - A library with a name of LLVM's, for LinksTest ---------------------===//

// Nothing in it is called: its name is all that the check looks at.
extern "C" int quipuNamesake() { return 0; }
